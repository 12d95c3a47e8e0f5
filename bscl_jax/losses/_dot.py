"""The matrix products of the losses."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def dot(x: Float[Array, "m k"], y: Float[Array, "k n"]) -> Float[Array, "m n"]:
    """Multiplies at the full precision of the type."""
    # HIGHEST: accelerators would otherwise round the factors to 10 bits or fewer.
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def logits(
    rows: Float[Array, "b d"], columns: Float[Array, "c d"], boost: Float[Array, ""] | None
) -> Float[Array, "b c"]:
    """Compares all rows with all columns; the boost raises values and leaves derivatives alone."""
    similarity = dot(rows, columns.T)
    return similarity if boost is None else similarity + boost * lax.stop_gradient(similarity)
