"""Candidates in the order of their distance, which is the same on every machine."""

import numpy as np
from jaxtyping import Float64, Int64, Integer

from bscl_jax.shuffling._points import Points, settled_distances

CROWDED = 2
POINTS_AT_ONCE = 1024


def ranked(
    points: Points,
    asking: Int64[np.ndarray, " m"],
    count: int,
    rows: Integer[np.ndarray, " c"],
    columns: Integer[np.ndarray, " c"],
) -> Int64[np.ndarray, " r"]:
    """Rank candidates by settled distance and index, the point that asks before its like.

    Args:
        points: all points.
        asking: the points that ask.
        count: how many of each row are wanted, ≥ 1.
        rows: of each candidate, who asks for it: a position in ``asking``, rising.
        columns: the candidates, each once a row.

    Returns:
        The positions of the first ``count`` candidates of each row, in their order.
    """
    begins = np.searchsorted(rows, np.arange(len(asking) + 1))
    products = Products(points)
    found = [np.empty(0, np.int64)]
    for row, begin, end in zip(asking.tolist(), begins[:-1], begins[1:], strict=True):
        found.append(begin + _ranked_of_row(products, row, count, columns[begin:end]))
    return np.concatenate(found)


class Products:
    """Dot products of a point with others in float64, by BLAS, up to rounding.

    Attributes:
        points: all points.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        shape = POINTS_AT_ONCE, points.values.shape[1]
        self._given, self._wide = np.empty(shape, points.values.dtype), np.empty(shape)

    def __call__(self, row: int, others: Integer[np.ndarray, " c"]) -> Float64[np.ndarray, " c"]:
        """Return the product of a row with each of the others, a cacheful at a time."""
        point = self.points.values[row].astype(np.float64)
        products = np.empty(len(others))
        for start in range(0, len(others), POINTS_AT_ONCE):
            piece = others[start : start + POINTS_AT_ONCE]
            given, wide = self._given[: len(piece)], self._wide[: len(piece)]
            np.take(self.points.values, piece, axis=0, out=given, mode="clip")  # raise copies twice
            wide[...] = given
            np.matmul(wide, point, out=products[start : start + len(piece)])
        return products


def _ranked_of_row(
    products: Products, row: int, count: int, columns: Integer[np.ndarray, " c"]
) -> Int64[np.ndarray, " r"]:
    """Rank the candidates of one row.

    By float64 values first, right up to rounding. Runs of candidates between which rounding may
    have turned the order round are ranked by :func:`settled_distances`, and by index where these
    are equal; on ordinary data there are few.
    """
    points = products.points
    values = _values(products, row, count, columns)
    order = np.argsort(values)
    unsure = np.diff(values[order]) <= _margin(points, row)
    ends = np.flatnonzero(~unsure[count - 1 :])
    if len(ends):  # who comes after a gap behind the last is not wanted
        last = count - 1 + ends[0]
        order, unsure = order[: last + 1], unsure[:last]
    if unsure.any():
        members = np.flatnonzero(np.append(unsure, False) | np.append(False, unsure))
        runs = np.cumsum(np.append(False, ~unsure))[members]
        chosen = columns[order[members]]
        distances = _distances(points, row, chosen)
        order[members] = order[members][np.lexsort((chosen, distances, runs))]
    return order[:count]


def _values(
    products: Products, row: int, count: int, columns: Integer[np.ndarray, " c"]
) -> Float64[np.ndarray, " c"]:
    """Return |x|² − 2 a·x of the candidates x of a row a; −∞ for the row itself."""
    points = products.points
    if len(columns) > CROWDED * count:  # equal points among them are multiplied once
        kinds, places = np.unique(points.firsts[columns], return_inverse=True)
        values = (points.norms[kinds] - 2 * products(row, kinds))[places]
    else:
        values = points.norms[columns] - 2 * products(row, columns)
    values[columns == row] = -np.inf
    return values


def _margin(points: Points, row: int) -> float:
    """Return a gap between two of :func:`_values` that no rounding can have turned round.

    Let R be the longest row and u = 2⁻⁵³. A dot product of length d, in any order of summation,
    fused or not, |x|² and their difference err together by less than (d + 2)u(|a| + R)², a settled
    distance by as much; so two values and the two settled distances by less than four times that.
    6 and 8 instead of 4 and 2 are slack, and the last term covers underflow.
    """
    d = points.values.shape[1]
    reach = np.sqrt(points.norms[row]) + np.sqrt(points.longest)
    return 6 * (d + 8) * 2.0**-53 * reach**2 + 8 * d * np.finfo(np.float64).tiny


def _distances(
    points: Points, row: int, columns: Integer[np.ndarray, " c"]
) -> Float64[np.ndarray, " c"]:
    """Return the settled distances from a row, of equal points computed once."""
    kinds, places = np.unique(points.firsts[columns], return_inverse=True)
    return settled_distances(points, np.full(len(kinds), row), kinds)[places]
