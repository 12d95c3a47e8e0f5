"""Embeddings, checked, with what is needed to search and to settle their distances."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Integer

ROWS_AT_ONCE = 4096
PAIRS_AT_ONCE = 256  # their coordinates stay in a processor's cache
LARGEST = 1e150  # squares stay far from the end of float64


class Points(NamedTuple):
    """Embeddings as given, and what a search by float32 needs of them.

    Attributes:
        values: the embeddings, any floating type, memory maps too: they are read by blocks.
        firsts: for each row the first row that holds the same numbers.
        single: each row x less the center, and |x|² behind it, in float32; a power of two brings
            the largest coordinate near 1. The center is the mean row: near it a float is finest.
        squares: |x|² before it was rounded.
        norms: |x|² of the rows as given, up to rounding.
        longest: the largest of the norms.
    """

    values: Float[np.ndarray, "n d"]
    firsts: Int64[np.ndarray, " n"]
    single: Float32[np.ndarray, "n e"]
    squares: Float64[np.ndarray, " n"]
    norms: Float64[np.ndarray, " n"]
    longest: float


def make_points(embeddings: Float[np.ndarray, "n d"]) -> Points:
    """Check embeddings and measure their rows.

    Raises:
        ValueError: a value is nan, inf or huge.
    """
    n, d = embeddings.shape
    center = np.zeros(d)
    firsts = np.empty(n, np.int64)
    seen: dict[bytes, int] = {}
    for start, block in _blocks(embeddings):
        check_finite(block, start)
        center += block.sum(axis=0) / n
        for row, values in enumerate(block + 0.0, start):  # −0.0 has other bytes than 0.0
            firsts[row] = seen.setdefault(hashlib.blake2b(values, digest_size=16).digest(), row)
    return measured(embeddings, firsts, center)


def measured(
    embeddings: Float[np.ndarray, "n d"],
    firsts: Int64[np.ndarray, " n"],
    center: Float64[np.ndarray, " d"],
) -> Points:
    """Measure rows from a center."""
    n, d = embeddings.shape
    reach = max((np.abs(block - center).max() for _, block in _blocks(embeddings)), default=0.0)
    exponent = int(np.frexp(reach)[1])
    single = np.empty((n, d + 1), np.float32)
    squares, norms = np.empty(n), np.empty(n)
    for start, block in _blocks(embeddings):
        rows = slice(start, start + len(block))
        norms[rows] = np.einsum("nd,nd->n", block, block)
        block = np.ldexp(block - center, -exponent)
        squares[rows] = np.einsum("nd,nd->n", block, block)
        single[rows, :d], single[rows, d] = block, squares[rows]
    longest = float(norms.max(initial=0.0))
    return Points(embeddings, firsts, single, squares, norms, longest)


def _blocks(embeddings: Float[np.ndarray, "n d"]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some rows at a time in float64, each with the number of the first."""
    for start in range(0, len(embeddings), ROWS_AT_ONCE):
        yield start, embeddings[start : start + ROWS_AT_ONCE].astype(np.float64, order="C")


def settled_distances(
    points: Points, rows: Integer[np.ndarray, " c"], others: Integer[np.ndarray, " c"]
) -> Float64[np.ndarray, " c"]:
    """Return the squared L2 distance of each row to its other, the same bits on every machine.

    Only single additions, subtractions and multiplications of float64 arrays, each of which IEEE
    754 defines to the bit, and a sum in an order that is written down here: the right half of the
    terms is added to the left half until one is left. No BLAS, no fused multiply-add.
    """
    distances = np.empty(len(rows))
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        piece = slice(start, start + PAIRS_AT_ONCE)
        terms = points.values[others[piece]].astype(np.float64)
        terms -= points.values[rows[piece]]
        terms *= terms
        while (width := terms.shape[1]) > 1:
            half = (width + 1) // 2
            terms[:, : width - half] += terms[:, half:]
            terms = terms[:, :half]
        distances[piece] = terms[:, 0]
    return distances


def check_finite(block: Float64[np.ndarray, "m d"], start: int) -> None:
    """Name the first row of a block that distances cannot be computed from."""
    fits = np.abs(block) <= LARGEST
    if not fits.all():
        row, column = np.argwhere(~fits)[0]
        raise ValueError(
            f"embeddings must be finite and within ±{LARGEST:g}, row {start + row} holds "
            f"{block[row, column]} in column {column}; look for a diverged model"
        )
