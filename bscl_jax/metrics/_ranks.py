"""Where the relevant documents stand in a ranking, ties broken against us."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, Integer


def ranks(
    similarities: Float[np.ndarray, "q c"], relevant: Sequence[Sequence[int]]
) -> list[Int64[np.ndarray, " _"]]:
    """Return the ranks of each query's relevant documents, best first.

    The most similar document has rank 1. **Ties are pessimistic**: an irrelevant document stands
    before every relevant one of the same similarity, so a model that finds all alike gains nothing
    by luck, and the order of the corpus does not matter. Relevant documents that tie with each
    other take consecutive ranks.

    Queries do not influence each other: for a large corpus call this for some rows at a time and
    join the lists.

    Args:
        similarities: one row per query, one column per document; no nan. ``-inf`` is allowed and
            puts a document last (the query itself, for example).
        relevant: for each query the columns of its relevant documents, at least one, each once.

    Returns:
        One rising ``int64`` array per query, as long as its list in ``relevant``.

    Raises:
        ValueError: a similarity is nan, the lengths differ, or a list is empty, repeats a document
            or names one that is not there.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> similarities = np.array([[0.9, 0.1, 0.5], [0.2, 0.7, 0.7]])
        >>> [found.tolist() for found in metrics.ranks(similarities, [[0, 1], [2]])]
        [[1, 3], [2]]
    """
    if len(similarities) != len(relevant):
        raise ValueError(
            f"relevant must hold one list per query, got {len(relevant)} lists "
            f"for {len(similarities)} rows of similarities"
        )
    unknown = np.isnan(similarities).any(axis=1)
    if unknown.any():
        raise ValueError(
            f"similarities must not be nan, row {int(np.argmax(unknown))} holds one; "
            "look for a diverged model"
        )
    return [
        _ranks_of_query(row, _checked(indices, query, len(row)))
        for query, (row, indices) in enumerate(zip(similarities, relevant, strict=True))
    ]


def _ranks_of_query(
    row: Float[np.ndarray, " c"], indices: Integer[np.ndarray, " r"]
) -> Int64[np.ndarray, " r"]:
    """Count, for each relevant document, the irrelevant ones that are at least as similar."""
    levels = np.sort(row[indices])
    reached = np.searchsorted(levels, row, side="right")  # levels that each document reaches
    counts = np.bincount(reached, minlength=len(levels) + 1)
    counts -= np.bincount(reached[indices], minlength=len(levels) + 1)
    ahead = np.cumsum(counts[::-1])[:-1]  # irrelevant documents that reach the best level, …
    return ahead + np.arange(1, len(levels) + 1)


def _checked(indices: Sequence[int], query: int, num_documents: int) -> Integer[np.ndarray, " r"]:
    """Return the columns as an array, or say what is wrong with them."""
    columns = np.asarray(indices, np.int64)
    if columns.size == 0:
        raise ValueError(
            f"each query must have a relevant document, query {query} has none; leave it out"
        )
    if columns.min() < 0 or columns.max() >= num_documents:
        raise ValueError(
            f"relevant documents must be columns 0 to {num_documents - 1}, "
            f"query {query} names {columns.tolist()}"
        )
    if len(np.unique(columns)) < columns.size:
        raise ValueError(
            f"a relevant document must be named once, query {query} names {columns.tolist()}"
        )
    return columns
