"""Who may still be among the nearest of some rows, while points come by in blocks."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64, Integer

CROWD = 2048

Rank = Callable[[Integer[np.ndarray, " c"], Integer[np.ndarray, " c"]], Integer[np.ndarray, " r"]]


class Candidates:
    """The candidates of each row: all whose value is at most its threshold.

    A threshold is the ``count``-th smallest value so far plus the row's margin; until there are so
    many, everything is a candidate. New ones wait until there are enough of them to be worth
    lowering the thresholds.

    Attributes:
        thresholds: of the rows, of which there are at most 65,536: 16 bits number them.
    """

    def __init__(self, count: int, margins: Float32[np.ndarray, " m"]) -> None:
        self.thresholds = np.full(len(margins), np.inf, np.float32)
        self._count, self._margins = count, margins
        self._rows = np.empty(0, np.uint16)  # 16 bits: NumPy sorts these by their digits
        self._columns = np.empty(0, np.int32)
        self._values = np.empty(0, np.float32)
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add_block(
        self,
        values: Float32[np.ndarray, "m w"],
        start: int,
        floors: Float32[np.ndarray, "m v"] | None = None,
    ) -> None:
        """Look at the values of the points from ``start`` on.

        Args:
            values: of all points of a block, for each row.
            start: the first of the points.
            floors: the least of every w / v values that stand side by side, if it is known.
        """
        if not len(self._rows) and not self._waiting and values.shape[1] > self._count:
            least = np.partition(values, self._count - 1, axis=1)[:, self._count - 1]
            self.thresholds = least + self._margins
        if floors is None:
            floors = values
        width = values.shape[1] // floors.shape[1]
        hits = np.flatnonzero((floors <= self.thresholds[:, None]).ravel())
        rows, columns = np.divmod(hits, floors.shape[1])
        found = values.reshape(-1, width)[hits]
        if width == 1:
            self.add(rows, columns + start, found[:, 0])
            return
        places, within = np.nonzero(found <= self.thresholds[rows, None])
        columns = columns[places] * width + within
        self.add(rows[places], columns + start, found[places, within])

    def add(
        self,
        rows: Integer[np.ndarray, " h"],
        columns: Integer[np.ndarray, " h"],
        values: Float32[np.ndarray, " h"],
    ) -> None:
        """Add candidates: who asks, the point, its value."""
        self._waiting.append((rows.astype(np.uint16), columns.astype(np.int32), values))
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

    def nearest(self, rank: Rank) -> Int64[np.ndarray, "m k"]:
        """Return the nearest points of each row, which ``rank`` sorts."""
        self._settle()
        found = self._columns[rank(self._rows, self._columns)]
        return found.astype(np.int64).reshape(len(self.thresholds), self._count)

    def _settle(self) -> None:
        """Lower the thresholds, drop who is above them and sort the rest by row."""
        parts = zip((self._rows, self._columns, self._values), *self._waiting, strict=True)
        self._rows, self._columns, self._values = map(np.concatenate, parts)
        self._waiting, self._num_waiting = [], 0
        by_row = np.argsort(self._rows, kind="stable")
        counts = np.bincount(self._rows, minlength=len(self.thresholds))
        if counts.min() >= self._count:
            table = np.full((len(counts), counts.max()), np.inf, np.float32)
            table[np.arange(table.shape[1]) < counts[:, None]] = self._values[by_row]
            least = np.partition(table, self._count - 1, axis=1)[:, self._count - 1]
            self.thresholds = least + self._margins
        self._take(by_row[self._values[by_row] <= self.thresholds[self._rows[by_row]]])

    def _take(self, chosen: np.ndarray) -> None:
        """Keep some, sorted by row."""
        self._rows, self._columns = self._rows[chosen], self._columns[chosen]
        self._values = self._values[chosen]
