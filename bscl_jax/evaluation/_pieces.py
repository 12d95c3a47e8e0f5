"""Many texts cut into batches of a few shapes: a text a row, or several."""

from collections.abc import Iterator
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

ACCELERATOR_TOKENS = 1 << 17
"""Those that an accelerator is given. More at a time keep it no busier, and it waits until the
first batch is laid out and the last one is written.
"""

TOKENS_TOGETHER = 1 << 17
"""Tokens of packed rows that are laid out at once, where batches are smaller."""


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
    tokens: data.Ragged,
    *,
    pad_id: int,
    batch_size: int,
    multiple: int,
    most_tokens: int,
) -> Iterator[Piece]:
    """Cut texts into batches of like lengths, the longest first, each text in a row of its own.

    Args:
        tokens: texts as token ids.
        pad_id: the id that fills up.
        batch_size: most texts of a batch; those of the last are filled up to a power of two.
        multiple: every number of rows is a multiple of this.
        most_tokens: nothing is padded beyond.
    """
    lengths = (*(length for length in LENGTHS if length < most_tokens), most_tokens)
    for texts, chosen in data.length_batches(tokens, batch_size=batch_size, lengths=lengths):
        missing = filled(len(texts), batch_size, multiple) - len(texts)
        batch = jax.tree.map(
            lambda x, missing=missing: np.concatenate([x, np.repeat(x[:1], missing, axis=0)]),
            data.pad(chosen, lengths, pad_id),
        )
        yield Piece(texts, batch, slice(len(texts)))


def cut_packed(
    tokens: data.Ragged,
    *,
    pad_id: int,
    batch_size: int,
    multiple: int,
    most_tokens: int,
) -> Iterator[Piece]:
    """Cut texts into batches of packed rows, the longest first.

    Args: as ``cut_padded``, with ``batch_size`` the most rows of a batch. For each of the
        ``multiple`` it has no more than ``CPU_TOKENS`` tokens or ``ACCELERATOR_TOKENS``.
    """
    most_at_a_time = CPU_TOKENS if on_cpu() else ACCELERATOR_TOKENS
    for rows in data.pack_all(tokens.lengths, most_tokens=most_tokens):
        most = max(1, most_at_a_time // rows.length) * multiple
        size = _up(min(batch_size, most), multiple)
        together = max(1, TOKENS_TOGETHER // (rows.length * size)) * size
        for start in range(0, len(rows.texts), together):
            chosen = data.Rows(rows.length, rows.texts[start : start + together])
            yield from _lay_out(tokens, chosen, size, multiple, pad_id)


def _lay_out(
    tokens: data.Ragged, rows: data.Rows, size: int, multiple: int, pad_id: int
) -> Iterator[Piece]:
    """Lay out rows at once and cut them into batches of so many."""
    offsets = rows.texts.offsets.tolist()
    rest = len(rows.texts) % size
    missing = filled(rest, size, multiple) - rest if rest else 0
    shape = rows.shape(len(rows.texts) + missing)
    whole, texts, places = data.lay_out(tokens, rows.texts, shape, pad_id)
    for start in range(0, len(rows.texts), size):
        batch = jax.tree.map(lambda x, start=start: x[start : start + size], whole)
        inside = slice(offsets[start], offsets[min(start + size, len(rows.texts))])
        yield Piece(texts[inside], batch, places[inside] - start * shape.texts)


def on_cpu() -> bool:
    """Whether batches are computed by the processor itself."""
    return jax.default_backend() == "cpu"


def filled(rows: int, batch_size: int, multiple: int) -> int:
    """Return a power of two of rows, or ``batch_size``, as a multiple."""
    return _up(min(1 << (rows - 1).bit_length(), max(batch_size, rows)), multiple)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
