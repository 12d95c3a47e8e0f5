"""The five normalizations of embeddings, each safe where its divisor vanishes."""

from collections.abc import Callable, Hashable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bscl_jax.losses._gather import gather

# A length or a width up to this is taken for zero: dividing by it would say nothing about the data
# and make a gradient of its inverse. Embeddings of any scale in use are far above it.
_SMALLEST = 1e-12


def normalize(
    x: Float[Array, "b d"],
    kind: str,
    *,
    measured: Float[Array, "m d"] | None = None,
    axis_name: Hashable | None = None,
) -> Float[Array, "b d"]:
    """Normalizes the rows of ``x`` as ``kind`` says, an entry of ``NORMALIZERS``.

    Args:
        x: the rows to normalize.
        kind: the name of the normalization.
        measured: the rows whose columns are measured, those of all devices; None = ``x``.
        axis_name: the axis of the devices, or None.

    Returns:
        The normalized rows.
    """
    measured = x if measured is None else measured
    if kind in _OF_COLUMNS:
        measured = gather(measured, axis_name)
    return NORMALIZERS[kind](x, measured)


def unit_rows(x: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Divides each row by its length; a zero row stays zero and gets a zero gradient."""
    return x * _inverse_length(x, axis=1)


def _l2(x: Float[Array, "b d"], measured: Float[Array, "w d"]) -> Float[Array, "b d"]:
    del measured
    return unit_rows(x)


def _l2_columns(x: Float[Array, "b d"], measured: Float[Array, "w d"]) -> Float[Array, "b d"]:
    return x * _inverse_length(measured, axis=0)


def _range(x: Float[Array, "b d"], measured: Float[Array, "w d"]) -> Float[Array, "b d"]:
    return _divide(x, jnp.max(measured, 0, keepdims=True) - jnp.min(measured, 0, keepdims=True))


def _minmax(x: Float[Array, "b d"], measured: Float[Array, "w d"]) -> Float[Array, "b d"]:
    low = jnp.min(measured, axis=0, keepdims=True)
    return _divide(x - low, jnp.max(measured, axis=0, keepdims=True) - low)


def _none(x: Float[Array, "b d"], measured: Float[Array, "w d"]) -> Float[Array, "b d"]:
    del measured
    return x


NORMALIZERS: dict[str, Callable[..., Float[Array, "b d"]]] = {
    "l2": _l2,
    "l2_columns": _l2_columns,
    "range": _range,
    "minmax": _minmax,
    "none": _none,
}
_OF_COLUMNS = {"l2_columns", "range", "minmax"}


def _inverse_length(x: Float[Array, "m d"], *, axis: int) -> Float[Array, "..."]:
    # 1/|x| = 1/(c |x/c|) for any constant c. With c the largest entry, the squares neither
    # overflow nor underflow; c is held constant, which leaves the derivative as it is.
    largest = lax.stop_gradient(jnp.max(jnp.abs(x), axis=axis, keepdims=True))
    counts = ~(largest <= _SMALLEST)  # so that a NaN goes through
    largest = jnp.where(counts, largest, 1)
    squares = jnp.sum(jnp.square(x / largest), axis=axis, keepdims=True)
    return jnp.where(counts, 1 / (largest * jnp.sqrt(jnp.where(counts, squares, 1))), 0)


def _divide(x: Float[Array, "b d"], width: Float[Array, "1 d"]) -> Float[Array, "b d"]:
    counts = ~(width <= _SMALLEST)  # so that a NaN goes through
    return jnp.where(counts, x / jnp.where(counts, width, 1), 0)
