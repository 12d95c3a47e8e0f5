"""The two sides of a set: what is asked, and what is found or compared."""

from collections.abc import Iterable
from itertools import chain

from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet


def sides(each: EvaluationSet) -> tuple[Iterable[str], Iterable[str]]:
    """Return every query and every target of a set, one that comes again as often as it does."""
    if isinstance(each, RankingSet):
        return each.queries, chain.from_iterable(each.documents)
    if isinstance(each, BinaryPairs) and each.fit is not None:
        return chain(each.first, each.fit.first), chain(each.second, each.fit.second)
    return each[:2]


def check_lengths(name: str, each: EvaluationSet) -> None:
    """Refuse a set whose columns, a row a query or a pair, are not equally long.

    Raises:
        ValueError: with the lengths.
    """
    if isinstance(each, RetrievalSet):
        columns = {"queries": each.queries, "relevant": each.relevant}
    else:
        columns = dict(zip(each._fields[:3], each[:3], strict=True))
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length} {column}" for column, length in lengths.items())
        raise ValueError(f"the columns of a set must be equally long, {name!r} has {found}")
    if isinstance(each, BinaryPairs) and each.fit is not None:
        check_lengths(f"{name}.fit", each.fit)
