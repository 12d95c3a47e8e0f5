"""Who may still be among the nearest of some rows, while points come by in blocks."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

CROWD = 2048


class Candidates:
    """The candidates of each row: all whose value is at most its threshold.

    A threshold is the ``count``-th smallest value so far plus the row's margin; until there are so
    many, everything is a candidate. New ones wait until there are enough of them to be worth
    lowering the thresholds.
    """

    def __init__(self, num_rows: int, count: int, margins: Float32[np.ndarray, " m"]) -> None:
        self._count, self._margins = count, margins
        self._thresholds = np.full(num_rows, np.inf, np.float32)
        self._rows = np.empty(0, np.int64)
        self._columns = np.empty(0, np.int64)
        self._values = np.empty(0, np.float32)
        self._kept = 0
        self._ends = np.zeros(num_rows + 1, np.int64)

    def add(self, values: Float32[np.ndarray, "m w"], start: int) -> None:
        """Look at the values of the points from ``start`` on."""
        if not self._kept and values.shape[1] > self._count:
            least = np.partition(values, self._count - 1, axis=1)[:, self._count - 1]
            self._thresholds = least + self._margins
        hits = np.flatnonzero((values <= self._thresholds[:, None]).ravel())
        rows, columns = np.divmod(hits, values.shape[1])
        self._rows = np.concatenate([self._rows, rows])
        self._columns = np.concatenate([self._columns, columns + start])
        self._values = np.concatenate([self._values, values.ravel()[hits]])
        if len(self._rows) > self._kept + len(values) * self._count // 2:
            self._settle()

    def thin(self, rank: Callable[[int, Int64[np.ndarray, " c"]], np.ndarray]) -> None:
        """Bound what is kept where too many are too close to be told apart by their values.

        Args:
            rank: ``(row, candidates) -> the nearest of them``, exactly.
        """
        if self._kept <= 2 * len(self._thresholds) * self._count + CROWD:
            return
        self._settle()
        stays = np.ones(len(self._rows), bool)
        for row in np.flatnonzero(np.diff(self._ends) > 2 * self._count).tolist():
            mine = slice(self._ends[row], self._ends[row + 1])
            stays[mine] = np.isin(self._columns[mine], rank(row, self._columns[mine]))
        self._take(stays)

    def of(self, row: int) -> Int64[np.ndarray, " c"]:
        """Return the candidates of a row, by index of the point."""
        if self._kept < len(self._rows):
            self._settle()
        return self._columns[self._ends[row] : self._ends[row + 1]]

    def _settle(self) -> None:
        """Lower the thresholds, drop who is above them and sort the rest by row."""
        by_row = np.argsort(self._rows, kind="stable")
        counts = np.bincount(self._rows, minlength=len(self._thresholds))
        if counts.min() >= self._count:
            table = np.full((len(counts), int(counts.max())), np.inf, np.float32)
            table[np.arange(table.shape[1]) < counts[:, None]] = self._values[by_row]
            least = np.partition(table, self._count - 1, axis=1)[:, self._count - 1]
            self._thresholds = least + self._margins
        self._take(by_row[self._values[by_row] <= self._thresholds[self._rows[by_row]]])

    def _take(self, chosen: np.ndarray) -> None:
        """Keep some, sorted by row."""
        self._rows, self._columns = self._rows[chosen], self._columns[chosen]
        self._values = self._values[chosen]
        self._kept = len(self._rows)
        self._ends = np.searchsorted(self._rows, np.arange(len(self._thresholds) + 1))
