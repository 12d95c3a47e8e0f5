"""Who may still be among the nearest of some rows, while points come by in blocks."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer

CROWD = 2048
MOST_TOGETHER = 8192
"""Rows with more candidates are looked at one by one: a table of all rows would be as wide."""

Rank = Callable[[Integer[np.ndarray, " c"], Integer[np.ndarray, " c"]], Integer[np.ndarray, " r"]]


class Candidates:
    """The candidates of each row: all whose value is at most its threshold.

    A threshold is the ``count``-th smallest value so far plus the row's margin; until there are so
    many, everything is a candidate. New ones wait until there are enough of them to be worth
    lowering the thresholds.

    Where points come in random order, those seen so far are a sample of all: of a row's ``count``
    nearest it holds c, on average, and as many as c + 5 √c + 3 in one case of a million. So the
    value at this place bounds that of the last neighbor, and a threshold can be lower from the
    first block on. Whether it was too low is known at the end.

    Args:
        count: neighbors of each row.
        margins: how far above the value of the last neighbor a point may be as near.
        num_points: how many will come, if they come in random order.

    Attributes:
        thresholds: of the rows, of which there are at most 65,536: 16 bits number them.
    """

    def __init__(
        self, count: int, margins: Float32[np.ndarray, " m"], num_points: int | None = None
    ) -> None:
        self.thresholds = np.full(len(margins), np.inf, np.float32)
        self._count, self._margins, self._num_points = count, margins, num_points
        self._num_seen = 0
        self._last = np.full(len(margins), np.inf, np.float32)  # the count-th smallest value so far
        self._rows = np.empty(0, np.uint16)  # 16 bits: NumPy sorts these by their digits
        self._columns = np.empty(0, np.int32)
        self._values = np.empty(0, np.float32)
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add_block(
        self, values: Float32[np.ndarray, "m w"], points: Int64[np.ndarray, " w"]
    ) -> None:
        """Look at the values of some points, of which there are the numbers, for each row."""
        first, self._num_seen = not self._num_seen, self._num_seen + len(points)
        if first and len(points) > self._place():
            place = self._place() - 1
            self._lower(np.partition(values, place, axis=1)[:, place])
        hits = np.flatnonzero((values <= self.thresholds[:, None]).ravel())
        rows = hits // len(points)  # divmod takes longer
        columns = points[hits - rows * len(points)]
        parts = rows.astype(np.uint16), columns.astype(np.int32), values.ravel()[hits]
        self._waiting.append(parts)
        self._num_waiting += len(rows)
        if self._num_waiting > len(self.thresholds) * self._count:
            self._settle()

    def thin(self, rank: Rank) -> None:
        """Bound what is kept where too many are too close to be told apart by their values.

        Args:
            rank: ``(rows, columns) -> positions`` of the nearest ``count`` of each row, exactly.
        """
        if len(self._rows) > 2 * len(self.thresholds) * self._count + CROWD:
            self._settle()
            self._take(rank(self._rows, self._columns))

    def nearest(self, rank: Rank) -> tuple[Int64[np.ndarray, "r k"], Bool[np.ndarray, " m"]]:
        """Return the nearest of each row whose threshold was never too low, sorted by ``rank``.

        Returns:
            The lists of these rows, and which rows they are.
        """
        self._settle()
        sure = self._last + self._margins <= self.thresholds
        if not sure.all():
            self._take(np.flatnonzero(sure[self._rows]))
        found = self._columns[rank(self._rows, self._columns)]
        return found.astype(np.int64).reshape(-1, self._count), sure

    def _place(self) -> int:
        """Return at which place of those seen a value bounds that of the last neighbor of all."""
        if self._num_points is None:
            return self._count
        expected = self._count * self._num_seen / self._num_points
        return min(self._count, math.ceil(expected + 5 * math.sqrt(expected) + 3))

    def _lower(self, least: Float32[np.ndarray, " m"]) -> None:
        """Lower the thresholds by the values that stand at ``_place`` so far."""
        self.thresholds = np.minimum(self.thresholds, least + self._margins)
        if self._place() == self._count:
            self._last = np.minimum(self._last, least)

    def _settle(self) -> None:
        """Lower the thresholds, drop who is above them and sort the rest by row."""
        parts = zip((self._rows, self._columns, self._values), *self._waiting, strict=True)
        self._rows, self._columns, self._values = map(np.concatenate, parts)
        self._waiting, self._num_waiting = [], 0
        by_row = np.argsort(self._rows, kind="stable")
        counts = np.bincount(self._rows, minlength=len(self.thresholds))
        values = self._values[by_row]
        self._lower(_at_place(values, counts, self._place()))
        self._take(by_row[values <= self.thresholds[self._rows[by_row]]])

    def _take(self, chosen: np.ndarray) -> None:
        """Keep some, sorted by row."""
        self._rows, self._columns = self._rows[chosen], self._columns[chosen]
        self._values = self._values[chosen]


def _at_place(
    values: Float32[np.ndarray, " c"], counts: Int64[np.ndarray, " m"], place: int
) -> Float32[np.ndarray, " m"]:
    """Return the value at a place among those of each row, infinity if there are fewer.

    Args:
        values: of one row behind those of the other.
        counts: how many each row has.
        place: 1 for the smallest.
    """
    found = np.full(len(counts), np.inf, np.float32)
    ends = np.cumsum(counts)
    crowded = counts > MOST_TOGETHER
    for row in np.flatnonzero(crowded & (counts >= place)):
        found[row] = np.partition(values[ends[row] - counts[row] : ends[row]], place - 1)[place - 1]
    width = counts[~crowded].max(initial=0)
    if width >= place:
        table = np.full((np.count_nonzero(~crowded), width), np.inf, np.float32)
        table[np.arange(width) < counts[~crowded, None]] = values[np.repeat(~crowded, counts)]
        found[~crowded] = np.partition(table, place - 1, axis=1)[:, place - 1]
    return found
