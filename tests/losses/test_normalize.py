"""The normalizations by themselves; ``test_everywhere`` has them in the loss, on all devices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax.losses._normalize import NORMALIZERS

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
EXACT = {"rtol": 0, "atol": 1e-6}


def normalized(name: str, x: Any) -> jax.Array:
    normalizer = NORMALIZERS[name]
    return normalizer.apply(x, normalizer.measure(x, None))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e30])
def test_rows_columns_and_ranges_have_length_one_at_any_scale(scale: float) -> None:
    x = jnp.asarray(scale * X)
    np.testing.assert_allclose(np.linalg.norm(normalized("l2", x), axis=1), 1, **EXACT)
    np.testing.assert_allclose(np.linalg.norm(normalized("l2_columns", x), axis=0), 1, **EXACT)
    np.testing.assert_allclose(np.ptp(normalized("range", x), axis=0), 1, **EXACT)
    np.testing.assert_allclose(normalized("minmax", x).min(axis=0), 0, **EXACT)
    np.testing.assert_allclose(normalized("minmax", x).max(axis=0), 1, **EXACT)
    np.testing.assert_array_equal(normalized("none", x), x)


@pytest.mark.parametrize(("size", "kept"), [(1e-11, True), (1e-13, False), (0.0, False)])
@pytest.mark.parametrize("name", ["l2", "l2_columns", "range", "minmax"])
def test_what_has_no_entry_or_width_above_1e_12_becomes_zero_with_a_zero_gradient(
    name: str, size: float, kept: bool
) -> None:
    x = jnp.asarray(X).at[:, 1].set(0).at[2].set(0).at[2, 1].set(size)
    found = normalized(name, x)[2, 1]
    assert float(found) == pytest.approx(float(kept), abs=1e-6)
    slope = jax.grad(lambda x: jnp.sum(jnp.square(normalized(name, x)[2, 1])))(x)
    assert np.isfinite(slope).all()
    if not kept:
        np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize(("place", "holders"), [(0, [0, 0, 1, 0]), (1, [0.5, 0.5, 0, 0])])
def test_rows_that_tie_share_the_gradient_of_an_extreme_evenly(
    place: int, holders: list[float]
) -> None:
    x = jnp.array([[3.0], [3.0], [-1.0], [2.0]])
    slope = jax.grad(lambda x: NORMALIZERS["range"].measure(x, None)[place].sum())(x)
    np.testing.assert_array_equal(slope[:, 0], holders)
