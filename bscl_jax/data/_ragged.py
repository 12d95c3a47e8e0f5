"""Token ids of many texts in one flat array, which a batch can be cut from at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import overload

import numpy as np
from jaxtyping import Int32, Int64, Integer

Tokenize = Callable[[list[str]], Sequence[Sequence[int]]]
"""Texts → their token ids: special tokens included, cut at the length limit."""

CHUNK = 4096
"""So many texts are tokenized at a time: Python lists of ids are ten times the size of arrays."""


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, end to end; a slice of it shares its token ids.

    Attributes:
        flat: the token ids of all rows.
        offsets: where each row starts in ``flat``, and at the end where the last one stops.

    Example:
        >>> from bscl_jax.data import Ragged
        >>> tokens = Ragged.from_lists([[101, 7, 102], [101, 102]])
        >>> len(tokens), tokens.lengths.tolist(), tokens[1].tolist()
        (2, [3, 2], [101, 102])
    """

    flat: Int32[np.ndarray, " tokens"]
    offsets: Int64[np.ndarray, " n+1"]

    @classmethod
    def from_lists(cls, rows: Sequence[Sequence[int]]) -> "Ragged":
        """Lay lists of token ids end to end.

        Args:
            rows: n lists; a list may be empty.

        Returns:
            n rows.
        """
        ends = accumulate(map(len, rows), initial=0)
        offsets = np.fromiter(ends, dtype=np.int64, count=len(rows) + 1)
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(offsets[-1]))
        return cls(flat, offsets)

    @property
    def lengths(self) -> Int64[np.ndarray, " n"]:
        """Tokens of each row."""
        return self.offsets[1:] - self.offsets[:-1]

    def take(self, rows: Integer[np.ndarray, " b"]) -> "Ragged":
        """Pick rows, in the order given.

        Args:
            rows: b positions, 0 to n - 1.

        Returns:
            b rows, copied.
        """
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        shift = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.flat[np.arange(offsets[-1]) + shift], offsets)

    @classmethod
    def join(cls, parts: "Sequence[Ragged]") -> "Ragged":
        """Return the rows of all parts, one part after the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return cls(np.concatenate([part.flat for part in parts]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> Int32[np.ndarray, " s"]: ...

    @overload
    def __getitem__(self, row: slice) -> "Ragged": ...

    def __getitem__(self, row: int | slice) -> "Int32[np.ndarray, ' s'] | Ragged":
        if isinstance(row, slice):
            return self._part(row)
        if not 0 <= row < len(self):
            raise IndexError(f"row must be 0 to {len(self) - 1}, got {row}")
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    def _part(self, rows: slice) -> "Ragged":
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows must follow each other, got a step of {step}; use take()")
        offsets = self.offsets[start : max(start, stop) + 1]
        return Ragged(self.flat[offsets[0] : offsets[-1]], offsets - offsets[0])


def tokenize_all(texts: Sequence[str], tokenize: Tokenize) -> Ragged:
    """Tokenize texts, a few thousand at a time, and lay their token ids end to end.

    Args:
        texts: n texts, possibly none.
        tokenize: from texts to their token ids.

    Returns:
        The token ids of each text.

    Raises:
        ValueError: ``tokenize`` returns another number of rows or a row without tokens.

    Example:
        >>> from bscl_jax.data import tokenize_all
        >>> tokenize_all(["fine", "due"], lambda texts: [[1, len(t)] for t in texts])[1].tolist()
        [1, 3]
    """
    chunks: list[Ragged] = [Ragged.from_lists([])]
    for start in range(0, len(texts), CHUNK):
        asked = list(texts[start : start + CHUNK])
        rows = tokenize(asked)
        if len(rows) != len(asked):
            raise ValueError(
                f"tokenize must return one list for each text, got {len(rows)} for {len(asked)}"
            )
        chunks.append(Ragged.from_lists(rows))
    found = Ragged.join(chunks)
    if not found.lengths.all():
        text = texts[int(np.argmin(found.lengths))]
        raise ValueError(
            f"tokenize must return a token or more for each text, got none for {text!r}; "
            "let it add the special tokens"
        )
    return found
