"""The type that losses compute in: float32, or wider where an input is."""

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike


def common_type(*embeddings: ArrayLike | None) -> Any:
    """Returns float64 where one of the arrays is that, float32 otherwise; None has no say."""
    bits = [jnp.finfo(jnp.result_type(x)).bits for x in embeddings if x is not None]
    return jnp.float64 if max(bits) > 32 else jnp.float32
