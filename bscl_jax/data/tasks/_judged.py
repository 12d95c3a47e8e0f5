"""Rows of query, document, grade: training pairs, and for each query a list to be ranked."""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from bscl_jax.types import Pairs, RankingSet


class Judged(NamedTuple):
    """A document that was judged for a query.

    Attributes:
        key: what rows of the same query have in common.
        query: its text.
        document: the text of the document.
        grade: how relevant it is, 0 to 1.
    """

    key: Hashable
    query: str
    document: str
    grade: float


def graded_pairs(rows: Iterable[Judged]) -> Pairs:
    """Make a training pair of every row."""
    rows = list(rows)
    return Pairs(
        tuple(row.query for row in rows),
        tuple(row.document for row in rows),
        tuple(row.grade for row in rows),
    )


def ranking_set(rows: Iterable[Judged]) -> RankingSet:
    """Make a list of each query's rows, queries and documents in their first order."""
    lists: dict[Hashable, list[Judged]] = {}
    for row in rows:
        lists.setdefault(row.key, []).append(row)
    return RankingSet(
        queries=tuple(rows[0].query for rows in lists.values()),
        documents=tuple(tuple(row.document for row in rows) for rows in lists.values()),
        grades=tuple(tuple(row.grade for row in rows) for rows in lists.values()),
    )
