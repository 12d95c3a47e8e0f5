"""The logarithm of a sum of exponentials, of which there may be none."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def log_sum_exp(x: Float[Array, "m n"], *, axis: int) -> Float[Array, " k"]:
    """Returns log Σ exp; -inf, with a zero gradient, where nothing but -inf is summed."""
    largest = lax.stop_gradient(jnp.max(x, axis=axis, keepdims=True, initial=-jnp.inf))
    largest = jnp.where(largest == -jnp.inf, 0, largest)
    total = jnp.sum(jnp.exp(x - largest), axis=axis)
    counts = total != 0  # so that a NaN goes through
    log = jnp.log(jnp.where(counts, total, 1)) + jnp.squeeze(largest, axis)
    return jnp.where(counts, log, -jnp.inf)
