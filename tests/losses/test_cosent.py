from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import against_twin, twin
from tests.losses.scenes import QUERIES, TARGETS
from tests.losses.test_cosine_mse import SCORES, WEIGHTS

FLOAT64 = 1e-12
FLOAT32 = 5e-6
BFLOAT16_COSINE = 0.9999
BATCH = ({"queries": QUERIES, "targets": TARGETS}, 0.2, {"scores": SCORES, "weights": WEIGHTS})

value_and_grad = jax.jit(jax.value_and_grad(losses.cosent, argnums=(0, 1)))


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.cosent(**rows, **fixed, temperature=shared, axis_name=axis_name)


def of_twin(rows: Any, temperature: Any, fixed: Any) -> Any:
    return twin.cosent(**rows, **fixed, temperature=temperature)


@pytest.mark.usefixtures("float64")
def test_three_pairs_have_the_loss_that_one_computes_by_hand() -> None:
    queries = jnp.array([[1.0, 0], [1.0, 0], [1.0, 0]])
    targets = jnp.array([[3.0, 4], [2.0, 0], [0.0, 1]])  # cosines 0.6, 1 and 0
    found = losses.cosent(queries, targets, jnp.array([2.0, 1, 1]), temperature=0.2)
    # Row 0 is to be above the two others, which are equal.
    by_hand = np.log(1 + np.exp(0.4 / 0.2) + np.exp(-0.6 / 0.2))
    assert float(found) == pytest.approx(by_hand, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("context", "devices"), against_twin.SOMEWHERE)
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(
    context: str, devices: int
) -> None:
    against_twin.check(loss, of_twin, BATCH, context, devices)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("context", "devices"), against_twin.EVERYWHERE)
def test_the_whole_product_of_contexts_and_devices(context: str, devices: int) -> None:
    against_twin.check(loss, of_twin, BATCH, context, devices)


def test_equal_scores_give_no_loss_and_no_gradient() -> None:
    value, gradients = value_and_grad(QUERIES, TARGETS, np.ones(8))
    assert float(value) == 0
    assert not any(np.any(gradient) for gradient in gradients)


def test_a_single_pair_and_pairs_that_only_fill_up_are_compared_with_none() -> None:
    assert float(losses.cosent(QUERIES[:1], TARGETS[:1], SCORES[:1])) == 0
    assert float(losses.cosent(QUERIES, TARGETS, SCORES, weights=np.eye(8)[0])) == 0


@pytest.mark.usefixtures("float64")
def test_only_the_order_of_the_scores_counts() -> None:
    found = losses.cosent(QUERIES, TARGETS, np.exp(SCORES) * 50)
    assert float(found) == float(losses.cosent(QUERIES, TARGETS, SCORES))


@pytest.mark.parametrize("temperature", [1e-4, 0.05])
def test_large_exponents_zero_rows_and_duplicates_are_finite(temperature: float) -> None:
    for rows in (QUERIES, -TARGETS, np.zeros((8, 3)), np.ones((8, 3))):
        value, gradients = value_and_grad(rows, TARGETS, SCORES, temperature=temperature)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.usefixtures("float64")
def test_float32_keeps_its_digits_where_the_loss_is_small() -> None:
    queries = np.eye(2, dtype=np.float32)
    targets = np.array([[1, 0.1], [1, 0.3]], np.float32)
    scores = np.array([1, 0], np.float32)
    as_float64 = (x.astype(float) for x in (queries, targets, scores))
    expected, of_expected = value_and_grad(*as_float64)
    found, of_found = value_and_grad(queries, targets, scores)
    assert 1e-7 < float(expected) < 1e-5
    assert float(found) == pytest.approx(float(expected), rel=FLOAT32)
    for gradient, exact in zip(of_found, of_expected, strict=True):
        np.testing.assert_allclose(gradient, exact, atol=FLOAT32 * np.abs(exact).max())


def test_bfloat16_embeddings_have_a_float32_loss_and_nearly_its_gradient() -> None:
    def both(dtype: Any) -> tuple[jax.Array, np.ndarray]:
        rows = (jnp.asarray(x, dtype) for x in (QUERIES, TARGETS))
        value, gradients = value_and_grad(*rows, SCORES, temperature=0.5)
        return value, np.concatenate([np.asarray(x, float) for x in gradients]).ravel()

    _, a = both(jnp.float32)
    value, b = both(jnp.bfloat16)
    assert value.dtype == jnp.float32
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= BFLOAT16_COSINE


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_value_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="temperature must be > 0 and finite, got 0"):
        losses.cosent(QUERIES, TARGETS, SCORES, temperature=0)
    with pytest.raises(ValueError, match=r"scores must hold one number a pair, shape \(8,\)"):
        losses.cosent(QUERIES, TARGETS, SCORES[:4])
    with pytest.raises(ValueError, match=r"weights must hold one number a pair, shape \(8,\)"):
        losses.cosent(QUERIES, TARGETS, SCORES, weights=WEIGHTS[:4])
