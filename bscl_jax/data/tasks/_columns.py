"""From columns to a task: what all tasks of pairs share, wherever their rows come from."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from bscl_jax.data._cells import as_score, as_text
from bscl_jax.data._errors import DataError
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.types import EvaluationSet, Pairs, ScoredPairs, Task

REQUIRED = ("query", "target")
KNOWN = (*REQUIRED, "label")

Source = str | PathLike[str]
"""What a split is read from, as messages name it."""
Parsers = Mapping[str, Callable[[str], Any]]
"""By the column's name, from a cell to its value."""
Read = Callable[[Source, Parsers], Mapping[str, Sequence[Any]]]
"""From a source to its parsed columns by name; raises DataError."""


def check_options(
    columns: Mapping[str, str] | None, label_range: Sequence[float]
) -> dict[str, str]:
    """Check the options that all tasks of pairs have, before anything is read.

    Args:
        columns: the names of the columns of ``query``, ``target`` and, if there is one,
            ``label``; None means ``query`` and ``target``.
        label_range: lowest and highest label.

    Returns:
        The names of the columns.

    Raises:
        ValueError: if one of them cannot be.
    """
    columns = dict(columns) if columns is not None else {name: name for name in REQUIRED}
    if not set(REQUIRED) <= set(columns) <= set(KNOWN):
        raise ValueError(
            f"columns must name query, target and, if there is one, label; got {columns}"
        )
    if len(set(columns.values())) < len(columns):
        raise ValueError(f"columns must name a column of its own for each part; got {columns}")
    if len(label_range) != 2 or not label_range[0] < label_range[1]:
        raise ValueError(
            f"label_range must be a lowest and a highest label, got {list(label_range)}; "
            "for STSb write [0, 5]"
        )
    return columns


def same_error(source: Source, kind: str) -> DataError:
    """Make the error of a test split that is the dev split; ``kind`` is "file" or "split"."""
    return DataError(
        f"{source}: dev and test are the same {kind}, so the test would judge what it chose; "
        f"give a test {kind} of its own or none"
    )


def make_task(
    read: Read,
    sources: Mapping[str, Source],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> Task:
    """Read all splits and make a task of them.

    Without a label column every pair is positive, and dev and test are retrieval sets: the
    distinct queries of the split against its distinct targets. With one they are scored pairs.
    Either is named ``"pairs"``. Texts are equal if ``normalize_text`` makes them so.

    Args:
        read: reads one source.
        sources: those of ``train``, ``dev`` and, if there is one, ``test``.
        columns: as ``check_options`` returned it.
        label_range: lowest and highest label, brought to 0 and 1.

    Raises:
        DataError: if a source cannot be used. The mistakes of all are in one message.
    """
    splits = _read_all(read, list(sources.values()), columns, label_range)

    def evaluation_sets(part: str) -> dict[str, EvaluationSet]:
        source = sources[part]
        return {"pairs": _evaluation_set(source, splits[source])}

    return Task(
        train=splits[sources["train"]],
        dev=evaluation_sets("dev"),
        test=evaluation_sets("test") if "test" in sources else {},
    )


def _read_all(
    read: Read, sources: Sequence[Source], columns: Mapping[str, str], label_range: Sequence[float]
) -> dict[Source, Pairs]:
    """Read every source, so that one message has the mistakes of all."""
    low, high = label_range
    parsers = {
        column: as_score(low, high) if part == "label" else as_text
        for part, column in columns.items()
    }
    splits: dict[Source, Pairs] = {}
    problems: list[str] = []
    for source in dict.fromkeys(sources):
        try:
            splits[source] = _make_pairs(read(source, parsers), columns, label_range)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return splits


def _make_pairs(
    table: Mapping[str, Sequence[Any]], columns: Mapping[str, str], label_range: Sequence[float]
) -> Pairs:
    low, high = label_range
    scores = None
    if "label" in columns:
        scores = tuple((label - low) / (high - low) for label in table[columns["label"]])
    queries, targets = (tuple(table[columns[part]]) for part in REQUIRED)
    return Pairs(queries, targets, scores)


def _evaluation_set(source: Source, pairs: Pairs) -> EvaluationSet:
    if pairs.scores is None:
        return make_retrieval_set(pairs.queries, pairs.targets)
    if len(set(pairs.scores)) < 2:
        raise DataError(
            f"{source}: all labels are equal, so nothing can correlate with them; give pairs of "
            "different labels, or leave label out of columns to score retrieval"
        )
    return ScoredPairs(pairs.queries, pairs.targets, pairs.scores)
