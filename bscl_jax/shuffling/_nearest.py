"""Exact nearest neighbors: float32 finds them, a fixed arithmetic ranks them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from bscl_jax.shuffling._candidates import Candidates
from bscl_jax.shuffling._points import Points
from bscl_jax.shuffling._ranked import ranked
from bscl_jax.shuffling._rounded import Rounded

ROWS_AT_ONCE = 512
COLUMNS_AT_ONCE = 2048


def nearest(
    points: Points, rows: Int64[np.ndarray, " m"], count: int, rounded: Rounded | None = None
) -> Int64[np.ndarray, "m k"]:
    """Return the ``count`` nearest points of each row, by L2 distance.

    A float32 matrix product computes |x|² − 2 a·x for all points x, which ranks them like the
    distance |a − x|², up to rounding that depends on the machine. A point whose value is further
    than the ``margin`` above the ``count``-th smallest is not among the nearest whatever the
    rounding was; the others, few more than ``count``, go to :func:`ranked`. So the answer is the
    ranking by (settled distance, index), on every machine.

    Blocks of rows are searched by as many threads as there are processors, each with a matrix
    product of its own. Memory is bounded by ``ROWS_AT_ONCE`` · (2 · ``COLUMNS_AT_ONCE`` + 2 ·
    ``count``) values a thread and the answer, whatever n is.

    Args:
        points: all points.
        rows: the points that ask, by index.
        count: neighbors of each, itself included, 1 ≤ count ≤ n.
        rounded: the points in bfloat16, whose products are made instead, with a wider margin.

    Returns:
        Indices by rising distance, ``int64 m count``. Each list begins with the point that asks,
        before others at the same place.
    """
    size = min(ROWS_AT_ONCE, -(-len(rows) // num_threads()) or 1)
    blocks = [rows[at : at + size] for at in range(0, len(rows), size)]
    search = partial(_nearest_of_block, points, count=count, rounded=rounded)
    if len(blocks) < 2:
        found = [search(block) for block in blocks]
    else:
        with one_blas_thread(), ThreadPoolExecutor(num_threads()) as threads:
            found = list(threads.map(search, blocks))
    return np.concatenate([np.empty((0, count), np.int64), *found])


def num_threads() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep NumPy's BLAS to one thread, where threads of our own call it."""
    return _blas().limit(limits=1)


@cache
def _blas() -> Any:
    """Return a handle on the threads of NumPy's BLAS; looking for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _nearest_of_block(
    points: Points, rows: Int64[np.ndarray, " m"], count: int, rounded: Rounded | None
) -> Int64[np.ndarray, "m k"]:
    """Search the neighbors of a few rows, block by block of all points."""
    gaps = margins(points, rows)
    if rounded is None:
        candidates = Candidates(count, gaps)
        blocks = _blocks(points, rows, max(COLUMNS_AT_ONCE, min(count, len(points.single))))
    else:
        candidates = Candidates(count, gaps + rounded.margins(rows), len(points.single))
        blocks = rounded.blocks(rows)
    rank = partial(ranked, points, rows, count)
    for block in blocks:
        candidates.add_block(*block)
        candidates.thin(rank)
    lists, sure = candidates.nearest(rank)
    if sure.all():
        return lists
    found = np.empty((len(rows), count), np.int64)
    found[sure] = lists
    found[~sure] = _nearest_of_block(points, rows[~sure], count, None)
    return found


def _blocks(
    points: Points, rows: Int64[np.ndarray, " m"], width: int
) -> Iterator[tuple[Float32[np.ndarray, "m w"], Int64[np.ndarray, " w"]]]:
    """Yield the values of each block, and the numbers of its points."""
    n, queries = len(points.single), as_queries(points, rows)
    block = np.empty((len(rows), min(width, n)), np.float32)
    for start in range(0, n, width):
        columns = points.single[start : start + width]
        values = block[:, : len(columns)] if len(columns) == block.shape[1] else None
        values = np.matmul(queries, columns.T, out=values)
        (inside,) = np.nonzero((rows >= start) & (rows < start + width))
        values[inside, rows[inside] - start] = -np.inf
        yield values, np.arange(start, start + len(columns))


def as_queries(points: Points, rows: Int64[np.ndarray, " m"]) -> Float32[np.ndarray, "m e"]:
    """Return (−2a, 1), so that the product with (x, |x|²) is |x|² − 2 a·x."""
    asking = -2 * points.single[rows]
    asking[:, -1] = 1
    return asking


def margins(points: Points, rows: Int64[np.ndarray, " m"]) -> Float32[np.ndarray, " m"]:
    """Return, for each row, a gap that no rounding can bridge.

    Let a and x be rows less the center, R the longest, u = 2⁻²⁴. Rounding a and x to float32, a dot
    product of length d + 1, in any order of summation, fused or not, and rounding |x|² err together
    by less than (d + 8)u(|a| + R)². Whoever stands twice that above ``count`` others is further
    than they are; 3 instead of 2 is slack, for the rounding of the sum too, and the last term
    covers underflow.
    """
    d = points.single.shape[1]
    reach = np.sqrt(points.squares[rows]) + np.sqrt(points.squares.max())
    gaps = 3 * (d + 8) * 2.0**-24 * reach**2 + 8 * d * np.finfo(np.float32).tiny
    return gaps.astype(np.float32)
