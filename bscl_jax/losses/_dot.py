"""The matrix products of the losses."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

PRECISIONS = ("highest", "high", "default", "BF16_BF16_F32_X3")
"""Accelerators round the factors, to 10 bits or fewer, unless they are asked for the highest; the
last makes three products of parts of them, as JAX calls it."""


def dot(
    x: Float[Array, "m k"], y: Float[Array, "k n"], precision: Any = "highest"
) -> Float[Array, "m n"]:
    """Multiplies as one of ``PRECISIONS`` says; float64, at the full precision of the type."""
    precision = "highest" if x.dtype == jnp.float64 else precision
    return jnp.matmul(x, y, precision=precision)


def logits(
    rows: Float[Array, "b d"],
    columns: Float[Array, "c d"],
    boost: Float[Array, ""] | None,
    precision: str,
) -> Float[Array, "b c"]:
    """Compares all rows with all columns; the boost raises values and leaves derivatives alone."""
    similarity = dot(rows, columns.T, precision)
    return similarity if boost is None else similarity + boost * lax.stop_gradient(similarity)
