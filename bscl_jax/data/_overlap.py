"""How much of one split stands in another."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

from bscl_jax.data._content import normalize_text
from bscl_jax.data._errors import DataError
from bscl_jax.types import EvaluationSet, RankingSet, RetrievalSet, Task


class _Contents(NamedTuple):
    queries: set[str]
    targets: set[str]
    pairs: set[frozenset[str]]


def check_overlap(task: Task) -> dict[str, int]:
    """Count the texts that stand in two splits of a task, by content (see ``normalize_text``).

    Args:
        task: the task.

    Returns:
        For each of train/dev, train/test and dev/test: ``".../queries"`` and ``".../targets"``,
        the distinct texts that are a query (a target) in both, and ``".../pairs"``, the pairs
        that stand in both, whichever way round. Targets of a retrieval set are the texts that
        answer one of its queries; a text that is only a candidate does not count. Those of a
        ranking set are all its documents, since each is graded. Shared targets are in the nature
        of retrieval; shared queries, and pairs still more, make a score too good.

    Example:
        >>> from bscl_jax.data import check_overlap
        >>> from bscl_jax.types import Pairs, ScoredPairs, Task
        >>> dev = {"pairs": ScoredPairs(["renew?", "fax?"], ["extend", "copy"], [5.0, 1.0])}
        >>> overlap = check_overlap(Task(Pairs(["renew?"], ["opening hours"]), dev, {}))
        >>> overlap["train/dev/queries"], overlap["train/dev/pairs"]
        (1, 0)
    """
    splits = {
        "train": _contents(zip(task.train.queries, task.train.targets, strict=True)),
        "dev": _contents(_pairs_of(task.dev)),
        "test": _contents(_pairs_of(task.test)),
    }
    counts: dict[str, int] = {}
    for one, other in combinations(splits, 2):
        for field in _Contents._fields:
            common = getattr(splits[one], field) & getattr(splits[other], field)
            counts[f"{one}/{other}/{field}"] = len(common)
    return counts


def check_apart(task: Task) -> None:
    """Refuse a test split that chooses the best epoch: dev and test that hold the same pairs.

    Args:
        task: the task.

    Raises:
        DataError: if every pair of dev stands in test and every pair of test in dev, by content.
    """
    dev, test = (_contents(_pairs_of(sets)).pairs for sets in (task.dev, task.test))
    if dev and dev == test:
        raise DataError(
            f"dev and test hold the same {len(dev)} pairs, so the test would judge what it chose; "
            "give a test split of its own or none"
        )


def _pairs_of(sets: Mapping[str, EvaluationSet]) -> Iterable[tuple[str, str]]:
    for each in sets.values():
        if isinstance(each, RetrievalSet):
            for query, positions in zip(each.queries, each.relevant, strict=True):
                yield from ((query, each.corpus[position]) for position in positions)
        elif isinstance(each, RankingSet):
            for query, documents in zip(each.queries, each.documents, strict=True):
                yield from ((query, document) for document in documents)
        else:
            yield from zip(each.first, each.second, strict=True)


def _contents(pairs: Iterable[tuple[str, str]]) -> _Contents:
    normalized = [(normalize_text(query), normalize_text(target)) for query, target in pairs]
    return _Contents(
        queries={query for query, _ in normalized},
        targets={target for _, target in normalized},
        pairs={frozenset(pair) for pair in normalized},
    )
