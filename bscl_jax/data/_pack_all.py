"""All of many texts in packed rows: for embedding, where no order is to be kept."""

from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from bscl_jax.data._pack import Lengths, Shape, fill_rows

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
    texts: list[list[int]]

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
        >>> [(rows.length, rows.texts) for rows in pack_all(np.array([50, 60, 14, 100, 25]))]
        [(128, [[3, 4]]), (64, [[1], [0, 2]])]
    """
    allowed = [*(length for length in ROW_LENGTHS if length < most_tokens), most_tokens]
    longest = int(lengths.max(initial=1))
    needed = next(i for i, length in enumerate(allowed) if length >= longest)
    tries = [
        allowed[start : max(start, needed) + 1]
        for start in range(min(SHORTEST_TRIED, len(allowed)))
    ]
    some = np.sort(lengths)[:: max(1, len(lengths) // TEXTS_TRIED)]
    return _pack(lengths, min(tries, key=lambda tried: sum(x.cost for x in _pack(some, tried))))


def _pack(lengths: Lengths, allowed: list[int]) -> list[Rows]:
    left, found = np.arange(len(lengths)), []
    for length, shorter in zip(allowed[::-1], [*allowed[-2::-1], 0], strict=True):
        rows = Rows(length, [])
        filled = fill_rows(
            lengths[left],
            length=length,
            texts=rows.shape(1).texts,
            opens=shorter + 1,
        )
        if filled:
            taken = list(chain.from_iterable(filled))
            texts = iter(left[taken].tolist())
            rows.texts.extend(list(islice(texts, len(row))) for row in filled)
            found.append(rows)
            left = np.delete(left, taken)
    return found
