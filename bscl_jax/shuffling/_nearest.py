"""Exact nearest neighbors: BLAS finds them, a fixed arithmetic settles what BLAS cannot tell."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from bscl_jax.shuffling._points import Points, centered, settled_distances

COLUMNS_AT_ONCE = 4096


def nearest(points: Points, rows: Int64[np.ndarray, " m"], count: int) -> Int64[np.ndarray, "m k"]:
    """Return the ``count`` nearest points of each row, by L2 distance.

    A matrix product computes |x|² − 2 a·x for all points x, which ranks them like the distance
    |a − x|², up to rounding that depends on the machine. Two values further apart than the
    ``margin`` are in the right order whatever the rounding was; the few that are nearer are
    compared by :func:`settled_distances`, and by index where even these are equal. So the answer is
    the ranking by (settled distance, index), on every machine.

    Memory is bounded by m · (``COLUMNS_AT_ONCE`` + ``count``) distances, whatever n is.

    Args:
        points: all points.
        rows: the points that ask, by index.
        count: neighbors of each, itself included, 1 ≤ count ≤ n.

    Returns:
        Indices by rising distance, ``int64 m count``. Each list begins with the point that asks,
        before others at the same place.
    """
    asking = -2.0 * centered(points, rows)
    margins = _margins(points, rows)
    found = np.empty((len(rows), 0), np.int64)
    values = np.empty((len(rows), 0))
    for start in range(0, len(points.values), COLUMNS_AT_ONCE):
        stop = min(start + COLUMNS_AT_ONCE, len(points.values))
        block = asking @ centered(points, slice(start, stop)).T
        block += points.squares[start:stop]
        (inside,) = np.nonzero((rows >= start) & (rows < stop))
        block[inside, rows[inside] - start] = -np.inf
        if found.shape[1] == count:
            block, columns = _packed(block, block <= (values.max(axis=1) + margins)[:, None])
        else:
            columns = np.broadcast_to(np.arange(stop - start), block.shape)
        values, found = np.hstack([values, block]), np.hstack([found, columns + start])
        values, found = _smallest(points, rows, values, found, margins, count)
    return _ranked(points, rows, values, found, margins)


def _margins(points: Points, rows: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Return, for each row, a gap that no rounding can bridge.

    Let a and x be rows less the center, R the longest, u = 2⁻⁵³. Taking the center away and a dot
    product of length d, in any order of summation, fused or not, err together by less than
    (d + 3)u|a||x|; squared lengths and settled distances likewise. So either way of measuring is
    off by less than (d + 4)u(|a| + R)² to first order, and two values that differ by four times
    that are in the right order both ways; 8 instead of 4 is slack, and the last term covers
    underflow.
    """
    d = points.values.shape[1]
    reach = np.sqrt(points.squares[rows]) + np.sqrt(points.squares.max())
    return 8 * (d + 4) * 2.0**-53 * reach**2 + 8 * d * np.finfo(np.float64).tiny


def _packed(
    values: Float64[np.ndarray, "m c"], wanted: Bool[np.ndarray, "m c"]
) -> tuple[Float64[np.ndarray, "m w"], Int64[np.ndarray, "m w"]]:
    """Move each row's wanted values to its left end; with their columns, filled up with inf."""
    rows, columns = np.nonzero(wanted)
    counts = np.count_nonzero(wanted, axis=1)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(values), int(counts.max(initial=0)))
    packed, origins = np.full(shape, np.inf), np.zeros(shape, np.int64)
    packed[rows, places] = values[rows, columns]
    origins[rows, places] = columns
    return packed, origins


def _smallest(
    points: Points,
    rows: Int64[np.ndarray, " m"],
    values: Float64[np.ndarray, "m c"],
    found: Int64[np.ndarray, "m c"],
    margins: Float64[np.ndarray, " m"],
    count: int,
) -> tuple[Float64[np.ndarray, "m k"], Int64[np.ndarray, "m k"]]:
    """Keep each row's ``count`` nearest, by their values and, at the border, by settling them."""
    num_rows, width = values.shape
    if width <= count:
        return values, found
    last = np.partition(values, count - 1, axis=1)[:, count - 1]
    taken = values <= (last + margins)[:, None]
    for i in np.flatnonzero(np.count_nonzero(taken, axis=1) > count):
        open_ = np.flatnonzero(taken[i] & (values[i] >= last[i] - margins[i]))
        room = count - (np.count_nonzero(taken[i]) - len(open_))
        ranks = np.argsort(settled_distances(points, rows[i], found[i, open_]), kind="stable")
        taken[i, open_[ranks[room:]]] = False
    return values[taken].reshape(num_rows, count), found[taken].reshape(num_rows, count)


def _ranked(
    points: Points,
    rows: Int64[np.ndarray, " m"],
    values: Float64[np.ndarray, "m k"],
    found: Int64[np.ndarray, "m k"],
    margins: Float64[np.ndarray, " m"],
) -> Int64[np.ndarray, "m k"]:
    """Sort each row of ``found`` by distance; runs of values within the margin by settling them."""
    by_value = np.argsort(values, axis=1, kind="stable")
    ranked = np.take_along_axis(found, by_value, axis=1)
    apart = np.diff(np.take_along_axis(values, by_value, axis=1), axis=1) > margins[:, None]
    for i in np.flatnonzero(~apart.all(axis=1)):
        run = np.concatenate([[0], np.cumsum(apart[i])])
        open_ = np.flatnonzero(np.bincount(run)[run] > 1)
        members = ranked[i, open_]
        distances = settled_distances(points, rows[i], members)
        ranked[i, open_] = members[np.lexsort((members, distances, run[open_]))]
    return ranked
