"""Many texts cut into batches of a few shapes: a text a row, or several."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Integer

from bscl_jax import data
from bscl_jax.types import TokenBatch

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
"""Padded lengths, in tokens: few enough to compile, close enough to waste under a third."""

CPU_TOKENS = 512
"""Tokens that a CPU is given at a time in packed rows: what becomes of them stays in its cache."""


class Piece(NamedTuple):
    """One batch.

    Attributes:
        texts: positions of its texts.
        tokens: the batch.
        places: where the embedding of each stands among all that come out, flattened; a slice
            where they follow each other.
    """

    texts: Integer[np.ndarray, " m"]
    tokens: TokenBatch
    places: Integer[np.ndarray, " m"] | slice


def cut_padded(
    token_lists: Sequence[Sequence[int]],
    *,
    pad_id: int,
    batch_size: int,
    multiple: int,
    most_tokens: int,
) -> Iterator[Piece]:
    """Cut texts into batches of like lengths, the longest first, each text in a row of its own.

    Args:
        token_lists: texts as token ids.
        pad_id: the id that fills up.
        batch_size: most texts of a batch; those of the last are filled up to a power of two.
        multiple: every number of rows is a multiple of this.
        most_tokens: nothing is padded beyond.
    """
    lengths = (*(length for length in LENGTHS if length < most_tokens), most_tokens)
    for texts, chosen in data.length_batches(token_lists, batch_size=batch_size, lengths=lengths):
        missing = filled(len(texts), batch_size, multiple) - len(texts)
        tokens = jax.tree.map(
            lambda x, missing=missing: np.concatenate([x, np.repeat(x[:1], missing, axis=0)]),
            data.pad(chosen, lengths, pad_id),
        )
        yield Piece(texts, tokens, slice(len(texts)))


def cut_packed(
    token_lists: Sequence[Sequence[int]],
    *,
    pad_id: int,
    batch_size: int,
    multiple: int,
    most_tokens: int,
) -> Iterator[Piece]:
    """Cut texts into batches of packed rows, the longest first.

    Args: as ``cut_padded``, with ``batch_size`` the most rows of a batch. On a CPU it has fewer,
        no more than ``CPU_TOKENS`` tokens for each of the ``multiple``.
    """
    texts = data.Ragged.from_lists(token_lists)
    for rows in data.pack_all(texts.lengths, most_tokens=most_tokens):
        most = max(1, CPU_TOKENS // rows.length) * multiple
        on_cpu = jax.default_backend() == "cpu"
        size = _up(min(batch_size, most) if on_cpu else batch_size, multiple)
        for start in range(0, len(rows.texts), size):
            chosen = rows.texts[start : start + size]
            shape = rows.shape(filled(len(chosen), size, multiple))
            tokens, positions, places = data.lay_out(texts, chosen, shape, pad_id)
            yield Piece(positions, tokens, places)


def filled(rows: int, batch_size: int, multiple: int) -> int:
    """Return a power of two of rows, or ``batch_size``, as a multiple."""
    return _up(min(1 << (rows - 1).bit_length(), max(batch_size, rows)), multiple)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
