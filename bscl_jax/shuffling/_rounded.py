"""The values of a search by products of bfloat16, where processors have instructions for them."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from bscl_jax.shuffling._points import Points

FEWEST_POINTS = 32_768
"""Among fewer it saves nothing, and jax must be started for it."""

MOST_NEIGHBORS = 128
"""With more, ranking takes what the products save: the margin lets half as many again be ranked."""

COLUMNS_AT_ONCE = 2048
FEWEST_ROWS = 64
FLOOR_WIDTH = 32
PIECES = 3
"""Numbers of bfloat16 that together have the digits of one of float32."""

BEYOND = 3e38
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


class Values(NamedTuple):
    """Values of some points for the rows that ask.

    Attributes:
        start: the first of the points.
        values: |x|² − 2 a·x, about.
        floors: the least of each ``FLOOR_WIDTH`` of them that stand side by side.
    """

    start: int
    values: Float32[np.ndarray, "m w"]
    floors: Float32[np.ndarray, "m v"]


def pays(points: Points, count: int) -> bool:
    """Whether this processor searches so many neighbors among these points faster by bfloat16."""
    fits = len(points.single) >= FEWEST_POINTS and count <= MOST_NEIGHBORS
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
    """All points in bfloat16, on the first of jax's devices.

    Coordinates are rounded; |x|² stands behind them in three pieces, which lose nothing. Points
    are added up to a full block, far beyond all others.
    """

    def __init__(self, points: Points) -> None:
        import jax

        self._points = points
        self._errors = np.empty(len(points.single))
        self._blocks: list[Any] = []
        for start in range(0, len(points.single), COLUMNS_AT_ONCE):
            single = points.single[start : start + COLUMNS_AT_ONCE]
            block, self._errors[start : start + len(single)] = _round(single, COLUMNS_AT_ONCE)
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

    def blocks(self, rows: Int64[np.ndarray, " m"]) -> Iterator[Values]:
        """Yield the values of all points for some rows, which are padded to one of few shapes."""
        m = len(rows)
        padded = np.pad(rows, (0, max(FEWEST_ROWS, 1 << (m - 1).bit_length()) - m), mode="edge")
        asking, _ = _round(-2 * self._points.single[padded], len(padded))
        asking[:, -PIECES:] = 1
        compute = _computation()
        running = compute(asking, self._blocks[0])
        for number, following in enumerate([*self._blocks[1:], None]):
            values, floors = running
            if following is not None:  # runs while the values of this one are looked at
                running = compute(asking, following)
            yield Values(number * COLUMNS_AT_ONCE, np.asarray(values)[:m], np.asarray(floors)[:m])


def _round(single: Float32[np.ndarray, "n e"], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Round coordinates to bfloat16 and split what stands behind them; return the errors' norms.

    NumPy does it, as XLA may leave out a rounding that it sees undone.
    """
    from jax.numpy import bfloat16

    n, d = single.shape[0], single.shape[1] - 1
    rounded = np.zeros((size, d + PIECES), bfloat16)
    rounded[:n, :d] = single[:, :d]
    rest = single[:, d].copy()
    for piece in range(d, d + PIECES):
        rounded[:n, piece] = rest
        rest -= rounded[:n, piece].astype(np.float32)
    rounded[n:, d] = BEYOND
    errors = single[:, :d] - rounded[:n, :d].astype(np.float32)
    return rounded, np.sqrt(np.einsum("nd,nd->n", errors, errors, dtype=np.float64))


@cache
def _computation() -> Any:
    """Return the compiled values of a block and their floors."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def compute(asking: Any, block: Any) -> Any:
        contracted = ((1,), (1,)), ((), ())
        values = jax.lax.dot_general(asking, block, contracted, preferred_element_type=jnp.float32)
        return values, values.reshape(len(asking), -1, FLOOR_WIDTH).min(axis=2)

    return compute
