"""The cosine of each pair."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bscl_jax.losses._normalize import unit_rows
from bscl_jax.losses._widen import common_type


def cosines(
    queries: Float[ArrayLike, "b d"], targets: Float[ArrayLike, "b d"]
) -> Float[Array, " b"]:
    """Returns the cosines, in float32 or wider; 0 with a zero gradient beside a zero row."""
    dtype = common_type(queries, targets)
    return jnp.sum(
        unit_rows(jnp.asarray(queries, dtype)) * unit_rows(jnp.asarray(targets, dtype)), axis=1
    )
