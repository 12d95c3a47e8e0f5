"""When two results of ``value_and_grad`` are the same."""

import jax
import numpy as np

SAME_IN_FLOAT64 = 1e-12
SAME_IN_FLOAT32 = 2e-6
"""Sums are taken in another order; nothing else differs."""


def assert_same(actual: tuple, expected: tuple, tolerance: float) -> None:
    """Compare (loss, grads): each leaf relative to its largest element."""
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(
            a, e, rtol=0, atol=tolerance * max(np.abs(e).max(), 1)
        ),
        actual,
        expected,
    )
