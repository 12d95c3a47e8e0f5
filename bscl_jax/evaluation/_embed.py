"""Texts of any number and length → one array of embeddings."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Array, Float

from bscl_jax import data
from bscl_jax.types import TokenBatch

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts → float32 ``(n, d)``, row i the embedding of text i."""

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
"""Padded lengths, in tokens: few enough to compile, close enough to waste under a third."""


def make_embed(
    tokenize: Callable[[list[str]], list[list[int]]],
    encode: Callable[[TokenBatch], Float[Array, "b d"]],
    *,
    pad_id: int,
    dimension: int,
    batch_size: int = 64,
    multiple: int = 1,
    max_length: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Embed:
    """Make the function that embeds texts.

    The longest texts go first, so that memory peaks in the first batch. A batch is padded to one
    of :data:`LENGTHS` tokens and to a power of two of rows, so that few shapes are compiled.

    Args:
        tokenize: texts → token ids, cut to the model's length.
        encode: one padded batch → embeddings; compiled by the caller.
        pad_id: the id that fills up a short text.
        dimension: features of an embedding (needed where there is no text to learn it from).
        batch_size: texts encoded at a time.
        multiple: each batch is filled up to a multiple of so many rows, the devices that share it.
        max_length: tokens that a text has at most; nothing is padded beyond, since the model may
            have no positions there. None is the last of :data:`LENGTHS`.
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

    lengths = LENGTHS
    if max_length is not None:
        lengths = (*(length for length in LENGTHS if length < max_length), max_length)

    def embed(texts: Sequence[str]) -> np.ndarray:
        embeddings = np.zeros((len(texts), dimension), np.float32)
        waiting: tuple[np.ndarray, Array] | None = None
        for rows, token_lists in data.length_batches(
            tokenize(list(texts)), batch_size=batch_size, lengths=lengths
        ):
            wanted = _filled(len(rows), batch_size, multiple)
            tokens = _fill_rows(data.pad(token_lists, lengths, pad_id), wanted)
            running = (rows, encode(tokens))  # runs on while the batch before is copied out
            if waiting is not None:
                _collect(embeddings, *waiting, advance)
            waiting = running
        if waiting is not None:
            _collect(embeddings, *waiting, advance)
        return embeddings

    return embed


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale each row of ``(n, d)`` to length 1; a zero row stays zero.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import unit_rows
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _filled(rows: int, batch_size: int, multiple: int) -> int:
    """Return a power of two of rows, or ``batch_size``, as a multiple."""
    wanted = min(1 << (rows - 1).bit_length(), max(batch_size, rows))
    return -(-wanted // multiple) * multiple


def _fill_rows(tokens: TokenBatch, wanted: int) -> TokenBatch:
    """Repeat the first row until there are as many rows as wanted."""
    missing = wanted - len(tokens.ids)
    if missing == 0:
        return tokens
    return jax.tree.map(lambda x: np.concatenate([x, np.repeat(x[:1], missing, axis=0)]), tokens)


def _collect(
    embeddings: np.ndarray, rows: np.ndarray, batch: Array, advance: Callable[[int], None] | None
) -> None:
    embeddings[rows] = np.asarray(batch, np.float32)[: len(rows)]
    if advance is not None:
        advance(len(rows))
