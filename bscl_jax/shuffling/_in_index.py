"""Near neighbors by an inverted file of faiss, for data too large for exact search."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int64

from bscl_jax.shuffling._points import Points
from bscl_jax.shuffling._ranked import ranked

CELL_POINTS = 64
SEED = 0
SHARE = 16
LEAST_CELLS = 16
REACH = 8
"""A row looks into one of ``SHARE`` cells, ``LEAST_CELLS`` at least, ``REACH`` · count points."""


def make_index_search(
    points: Points, count: int
) -> Callable[[Int64[np.ndarray, " m"]], Int64[np.ndarray, "m k"]]:
    """Make ``rows -> lists`` that misses some neighbors and orders the others exactly.

    The points are put into the cells of a k-means clustering with a fixed seed; a row looks into
    the cells nearest to it. What is found is ranked by :func:`ranked`. A list begins with its row;
    where it falls short of ``count`` its end repeats the row.

    Args:
        points: all points.
        count: neighbors of each, itself included, 1 ≤ count ≤ n.
    """
    vectors = np.ascontiguousarray(points.single[:, :-1])
    index = _make_index(vectors, count)

    def search(rows: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, "m k"]:
        _, found = index.search(vectors[rows], count)
        return _ranked(points, rows, count, found)

    return search


def _make_index(vectors: np.ndarray, count: int) -> Any:
    """Train and fill the inverted file."""
    import faiss  # pyright: ignore[reportMissingImports]

    n, d = vectors.shape
    num_cells = max(1, min(n // CELL_POINTS, int(4 * np.sqrt(n))))
    index: Any = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, num_cells)
    index.cp.seed = SEED
    index.train(vectors)
    index.add(vectors)
    wanted = max(LEAST_CELLS, num_cells // SHARE, REACH * count * num_cells // n)
    index.nprobe = min(num_cells, wanted)
    return index


def _ranked(
    points: Points,
    rows: Int64[np.ndarray, " m"],
    count: int,
    found: Int64[np.ndarray, "m k"],
) -> Int64[np.ndarray, "m k"]:
    """Rank what the index found, the row itself added where it was not."""
    table = np.sort(np.column_stack([rows, found]), axis=1)
    whole = (table >= 0) & (np.diff(table, axis=1, prepend=-1) != 0)  # -1 is nobody
    columns = table[whole]
    chosen = ranked(points, rows, count, np.nonzero(whole)[0], columns)
    lists = np.repeat(rows[:, None], count, axis=1)
    lists[np.arange(count) < whole.sum(axis=1, keepdims=True)] = columns[chosen]
    return lists
