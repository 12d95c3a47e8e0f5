"""Value and gradients of the batch softmax, compiled once for each set of keywords."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bscl_jax import losses
from tests.losses.scenes import QUERIES, TARGETS

FLOAT64 = 1e-12
FLOAT32 = 2e-6


@functools.cache
def compiled(**keywords: Any) -> Any:
    """Value and gradients with respect to queries, targets and temperature; the rest by keyword."""

    def loss(queries: Any, targets: Any, temperature: Any, arrays: Any) -> jax.Array:
        return losses.batch_softmax(queries, targets, temperature=temperature, **arrays, **keywords)

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))


def evaluate(
    queries: Any = QUERIES,
    targets: Any = TARGETS,
    temperature: float = 0.4,
    arrays: Any = None,
    dtype: Any = jnp.float64,
    **keywords: Any,
) -> Any:
    arguments = (jnp.asarray(x, dtype) for x in (queries, targets, temperature))
    return compiled(**keywords)(*arguments, arrays or {})


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """Every leaf is as close as its largest entry allows."""
    for leaf, of_expected in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(np.abs(of_expected).max())
        np.testing.assert_allclose(leaf, of_expected, rtol=0, atol=tolerance * scale)


def assert_finite(tree: Any) -> None:
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))
