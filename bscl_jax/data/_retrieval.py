"""Retrieval sets in which equal texts are one text."""

from collections.abc import Iterable, Sequence

from bscl_jax.data._content import normalize_text
from bscl_jax.types import RetrievalSet


def make_retrieval_set(
    queries: Sequence[str], answers: Sequence[str], *, corpus: Iterable[str] | None = None
) -> RetrievalSet:
    """Ask every distinct query of every distinct text.

    Args:
        queries: n query texts; one that comes again adds its answer to the first.
        answers: n texts; row i answers query i. Each must be in the corpus.
        corpus: the candidates; None takes the answers. A text that comes again is left out.

    Returns:
        The set, queries and corpus in their first order and spelling.
    """
    candidates = _by_content(answers if corpus is None else corpus)
    position = {key: i for i, key in enumerate(candidates)}
    relevant: dict[str, set[int]] = {}
    for query, answer in zip(queries, answers, strict=True):
        relevant.setdefault(normalize_text(query), set()).add(position[normalize_text(answer)])
    return RetrievalSet(
        queries=tuple(_by_content(queries).values()),
        corpus=tuple(candidates.values()),
        relevant=tuple(tuple(sorted(positions)) for positions in relevant.values()),
    )


def _by_content(texts: Iterable[str]) -> dict[str, str]:
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(normalize_text(text), text)
    return first
