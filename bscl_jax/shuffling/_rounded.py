"""The values of a search by products of bfloat16, where processors have instructions for them."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from bscl_jax.shuffling._points import Points
from bscl_jax.shuffling._random import random

FEWEST_POINTS = 32_768
"""Among fewer it saves nothing, and jax must be started for it."""

LARGEST_SHARE = 1 / 160
"""Of all points, as neighbors. With more, ranking takes what the products save, as the margin lets
half as many again be ranked."""

COLUMNS_AT_ONCE = 2048
FEWEST_ROWS = 64
PIECES = 3
"""Numbers of bfloat16 that together have the digits of one of float32."""

BEYOND = 3e38
NOBODY = -1
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def pays(points: Points, count: int) -> bool:
    """Whether this processor searches so many neighbors among these points faster by bfloat16."""
    n = len(points.single)
    fits = n >= FEWEST_POINTS and count <= LARGEST_SHARE * n
    if not fits or not _has_instructions():
        return False
    import jax

    return jax.default_backend() == "cpu"


@cache
def _has_instructions() -> bool:
    with suppress(OSError):  # not Linux
        return not INSTRUCTIONS.isdisjoint(Path("/proc/cpuinfo").read_text().split())
    return False


class Rounded:
    """All points in bfloat16 and in random order, on the first of jax's devices.

    Coordinates are rounded; |x|² stands behind them in three pieces, which lose nothing. Points
    are added up to a full block, far beyond all others and without a number.
    """

    def __init__(self, points: Points) -> None:
        import jax

        n, d = points.values.shape
        self._points, self._pieces = points, slice(d, d + PIECES)
        self._errors, order = np.empty(n), random(n, seed=0)
        self._numbers = np.pad(order, (0, -n % COLUMNS_AT_ONCE), constant_values=NOBODY)
        self._numbers = self._numbers.reshape(-1, COLUMNS_AT_ONCE)
        self._blocks: list[Any] = []
        for numbers in self._numbers:
            some = numbers[numbers != NOBODY]
            block, self._errors[some] = _round(points.single[some], COLUMNS_AT_ONCE)
            self._blocks.append(jax.device_put(block))

    def margins(self, rows: Int64[np.ndarray, " m"]) -> Float32[np.ndarray, " m"]:
        """Return a gap that the rounding of two points cannot bridge, be the rest exact.

        With a + e for the row as it was rounded and x + f for a point, the products differ by
        a·f + e·x + e·f: less than |a||f| + |e||x| + |e||f|. It counts twice in a value, and there
        are two values. One per cent covers the rounding of the norms themselves.
        """
        own, size = self._errors[rows], np.sqrt(self._points.squares[rows])
        reach, error = np.sqrt(self._points.squares.max()), self._errors.max()
        return (1.01 * 4 * (size * error + own * reach + own * error)).astype(np.float32)

    def blocks(
        self, rows: Int64[np.ndarray, " m"]
    ) -> Iterator[tuple[Float32[np.ndarray, "m w"], Int64[np.ndarray, " w"]]]:
        """Yield values of some points for some rows, |x|² − 2 a·x about, and the points' numbers.

        Rows are padded to one of few shapes.
        """
        m = len(rows)
        padded = np.pad(rows, (0, max(FEWEST_ROWS, 1 << (m - 1).bit_length()) - m), mode="edge")
        asking, _ = _round(-2 * self._points.single[padded], len(padded))
        asking[:, self._pieces] = 1
        multiply = _multiply()
        running = multiply(asking, self._blocks[0])
        for following, numbers in zip([*self._blocks[1:], None], self._numbers, strict=True):
            values = running
            if following is not None:  # runs while the values of this one are looked at
                running = multiply(asking, following)
            yield np.asarray(values)[:m], numbers


def _round(single: Float32[np.ndarray, "n e"], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Round coordinates to bfloat16 and split what stands behind them; return the errors' norms.

    NumPy does it, as XLA may leave out a rounding that it sees undone.
    """
    from jax.numpy import bfloat16

    n, d = single.shape[0], single.shape[1] - 1
    width = d + PIECES
    rounded = np.zeros((size, width + width % 2), bfloat16)  # an odd number is slower
    rounded[:n, :d] = single[:, :d]
    rest = single[:, d].copy()
    for piece in range(d, width):
        rounded[:n, piece] = rest
        rest -= rounded[:n, piece].astype(np.float32)
    rounded[n:, d] = BEYOND
    errors = single[:, :d] - rounded[:n, :d].astype(np.float32)
    return rounded, np.sqrt(np.einsum("nd,nd->n", errors, errors, dtype=np.float64))


@cache
def _multiply() -> Any:
    """Return the compiled product of rows that ask with the points of a block, in float32."""
    import jax
    import jax.numpy as jnp

    return jax.jit(
        partial(
            jax.lax.dot_general,
            dimension_numbers=(((1,), (1,)), ((), ())),
            preferred_element_type=jnp.float32,
        )
    )
