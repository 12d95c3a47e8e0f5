"""The type that losses compute in: float32, or wider where an input is."""

import functools
from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike


def common_type(*embeddings: ArrayLike | None) -> Any:
    """Returns the widest of the arrays' types and float32; None has no say."""
    types = [jnp.result_type(x) for x in embeddings if x is not None]
    return functools.reduce(jnp.promote_types, types, jnp.dtype(jnp.float32))
