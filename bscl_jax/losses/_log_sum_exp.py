"""Sums of exponentials of which there may be none, and which may be as large as exp(10⁴)."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


class Sums(NamedTuple):
    """Σ exp, as total · exp(largest).

    The two stay apart until something is subtracted from ``largest``: in their sum a large one
    would cost the digits of log(total). All derivatives go through ``total``.
    """

    largest: Float[Array, " n"]
    total: Float[Array, " n"]

    def log_over(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Returns log(Σ exp / exp(x)); -inf, with a zero gradient, where nothing is summed."""
        counts = self.total != 0  # so that a NaN goes through
        log = jnp.log(jnp.where(counts, self.total, 1))
        return jnp.where(counts, log + (jnp.where(counts, self.largest, 0) - x), -jnp.inf)


def sum_exp(x: Float[Array, "m n"], *, axis: int) -> Sums:
    """Sums exp(x) along an axis."""
    largest = lax.stop_gradient(jnp.max(x, axis, initial=-jnp.inf))
    return Sums(largest, jnp.sum(jnp.exp(x - jnp.expand_dims(_finite(largest), axis)), axis))


def merge(parts: Sums) -> Sums:
    """Adds sums of the same things, stacked along the first axis."""
    largest = jnp.max(parts.largest, axis=0)
    scale = jnp.exp(parts.largest - _finite(largest)[jnp.newaxis])
    return Sums(largest, jnp.sum(parts.total * scale, axis=0))


def log_sum_exp(x: Float[Array, "m n"], *, axis: int) -> Float[Array, " k"]:
    """Returns log Σ exp; -inf, with a zero gradient, where nothing but -inf is summed."""
    sums = sum_exp(x, axis=axis)
    return sums.log_over(jnp.zeros_like(sums.total))


def _finite(largest: Float[Array, " n"]) -> Float[Array, " n"]:
    return jnp.where(largest == -jnp.inf, 0, largest)
