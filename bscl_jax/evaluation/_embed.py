"""Texts of any number and length → one array of embeddings."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array

from bscl_jax import data
from bscl_jax.evaluation._collect import (
    Encode,
    collect_all,
    encode_all,
    encode_together,
    take_texts,
)
from bscl_jax.evaluation._pieces import LENGTHS, Piece, cut_packed, cut_padded, on_cpu

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts → float32 ``(n, d)``, row i the embedding of text i."""

FEW_TOKENS = 128
"""Fewer tokens in all are padded, as packed rows would stay empty."""

ROWS_AT_ONCE = 512
"""So many rows are scaled at a time."""


def make_embed(
    tokenize: Callable[[list[str]], Sequence[Sequence[int]] | data.Ragged],
    encode: Encode,
    *,
    pad_id: int,
    dimension: int,
    batch_size: int = 64,
    multiple: int = 1,
    max_length: int | None = None,
    most_tokens: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Embed:
    """Make the function that embeds texts.

    The longest texts go first, so that memory peaks in the first batch. Few shapes are compiled:
    rows have one of a few lengths, and there is a power of two of them in a batch.

    Args:
        tokenize: texts → token ids, cut to the model's length; given all texts at once. Lists are
            read into a ``data.Ragged``, which ``data.tokenize_all`` returns sooner.
        encode: one batch → embeddings, compiled by the caller: ``(b, d)`` of a padded batch,
            ``(b, k, d)`` of a packed one (``tokens.lengths``). On a CPU that is one device, two
            threads call it at a time with packed ones.
        pad_id: the id that fills up a short text.
        dimension: features of an embedding (needed where there is no text to learn it from).
        batch_size: rows encoded at a time; fewer packed ones where these come to more than 512
            tokens on a CPU, which is faster with less at a time, or 131,072 on an accelerator.
        multiple: each batch is filled up to a multiple of so many rows, the devices that share it.
        max_length: tokens that a text has at most; nothing is padded beyond. None is 8192.
        most_tokens: tokens that a packed row may have, the model's positions; None pads every text
            by itself.
        advance: called with the number of texts of each finished batch.

    Returns:
        ``embed(texts) -> float32 (n, dimension)`` in the order of the texts.

    Raises:
        ValueError: ``batch_size`` is below 1.

    Example:
        >>> from bscl_jax.evaluation import make_embed
        >>> letters = lambda texts: [[ord(letter) for letter in text] for text in texts]
        >>> count = lambda tokens: tokens.mask.sum(axis=1, keepdims=True)
        >>> make_embed(letters, count, pad_id=0, dimension=1)(["fine", "due"]).tolist()
        [[4.0], [3.0]]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, was {batch_size}; 64 suits most machines")

    options: Any = {"pad_id": pad_id, "batch_size": batch_size, "multiple": multiple}
    begin_packed = encode_together if multiple == 1 and on_cpu() else encode_all

    def begin(tokens: data.Ragged) -> Iterator[tuple[Piece, Array]]:
        if most_tokens is None or len(tokens.flat) < FEW_TOKENS:
            longest = max_length or LENGTHS[-1]
            return encode_all(encode, cut_padded(tokens, most_tokens=longest, **options))
        return begin_packed(encode, cut_packed(tokens, most_tokens=most_tokens, **options))

    def embed(texts: Sequence[str]) -> np.ndarray:
        embeddings = np.zeros((len(texts), dimension), np.float32)
        found = tokenize(list(texts))
        begun = begin(found if isinstance(found, data.Ragged) else data.Ragged.from_lists(found))
        collect_all(embeddings, (take_texts(*each) for each in begun), advance)
        return embeddings

    return embed


def unit_rows(vectors: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
    """Scale each row of ``(n, d)`` to length 1; a zero row stays zero.

    Args:
        vectors: of floats, or of whole numbers, which become float64.
        out: where to, such as ``vectors`` itself; None makes a new array.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import unit_rows
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    if out is None:
        whole = np.issubdtype(vectors.dtype, np.integer)
        out = np.empty(vectors.shape, np.float64 if whole else vectors.dtype)
    for start in range(0, len(vectors), ROWS_AT_ONCE):  # what lies between stays in the cache
        rows = slice(start, start + ROWS_AT_ONCE)
        block = vectors[rows] if vectors.itemsize >= 4 else vectors[rows].astype(np.float32)
        lengths = np.linalg.norm(block, axis=-1, keepdims=True)
        np.divide(block, np.maximum(lengths, 1e-12), out=out[rows], casting="same_kind")
    return out
