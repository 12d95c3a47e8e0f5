"""All of many texts in packed rows: for embedding, where no order is to be kept."""

from typing import NamedTuple

import numpy as np

from bscl_jax.data._fill import fill_many
from bscl_jax.data._pack import Lengths, Shape
from bscl_jax.data._ragged import Ragged

ROW_LENGTHS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
"""Rows are as long as one of these, or as the longest row that the model takes."""

SHORTEST_TRIED = 3
"""So many of the lengths are tried for the shortest rows."""

TEXTS_TRIED = 2048
"""On so many of the texts, or fewer than twice as many."""

MOST_TEXTS = 16
"""A row has room for so many texts."""


class Rows(NamedTuple):
    """Rows of one length.

    Attributes:
        length: tokens that a row has room for.
        texts: the texts of each row, by position.
    """

    length: int
    texts: Ragged

    def shape(self, rows: int) -> Shape:
        """Return the shape of a batch of so many of these rows."""
        return Shape(rows, self.length, MOST_TEXTS)

    @property
    def cost(self) -> float:
        """Time that all rows take, as ``Shape.cost``."""
        return self.shape(len(self.texts)).cost


def pack_all(lengths: Lengths, *, most_tokens: int = ROW_LENGTHS[-1]) -> list[Rows]:
    """Put texts into rows of a few lengths.

    A text stands in a row of the least length that holds it, or fills up a longer row. How long
    the shortest rows are is tried, where there are very many texts on some of them.

    Args:
        lengths: tokens of each of n texts, 1 to ``most_tokens``.
        most_tokens: most tokens of a row.

    Returns:
        The rows, the longest first; each text is in one. A function of the arguments alone.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import pack_all
        >>> for rows in pack_all(np.array([50, 60, 14, 100, 25])):
        ...     print(rows.length, [row.tolist() for row in rows.texts])
        128 [[3, 4]]
        64 [[1], [0, 2]]
    """
    allowed = [*(length for length in ROW_LENGTHS if length < most_tokens), most_tokens]
    longest = int(lengths.max(initial=1))
    needed = next(i for i, length in enumerate(allowed) if length >= longest)
    tries = [
        allowed[start : max(start, needed) + 1]
        for start in range(min(SHORTEST_TRIED, len(allowed)))
    ]
    every = max(1, len(lengths) // TEXTS_TRIED)
    small = lengths.astype(np.min_scalar_type(longest))  # which is sorted by its digits
    some = lengths if every == 1 else np.sort(small, kind="stable")[::every].astype(np.int64)
    found = [_pack(some, tried) for tried in tries]
    best = int(np.argmin([sum(rows.cost for rows in packed) for packed in found]))
    return found[best] if every == 1 else _pack(lengths, tries[best])


def _pack(lengths: Lengths, allowed: list[int]) -> list[Rows]:
    left, found = np.arange(len(lengths), dtype=np.int32), []
    for length, shorter in zip(allowed[::-1], [*allowed[-2::-1], 0], strict=True):
        rows = fill_many(lengths[left], length=length, texts=MOST_TEXTS, opens=shorter + 1)
        if len(rows):
            found.append(Rows(length, Ragged(left[rows.flat], rows.offsets)))
            kept = np.ones(len(left), bool)
            kept[rows.flat] = False
            left = left[kept]
    return found
