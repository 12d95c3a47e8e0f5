from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import twin
from tests.losses.scenes import LABELS, QUERIES, TARGETS

FLOAT64 = 1e-12
FLOAT32 = 2e-6

SCORES = np.array([0.9, 0.1, 0.5, 0.0, 1.0, 0.3, 0.7, 0.5])
WEIGHTS = np.array([1.0, 1, 0, 1, 1, 0, 1, 1])

value_and_grad = jax.jit(jax.value_and_grad(losses.cosine_mse, argnums=(0, 1)))


@pytest.mark.usefixtures("float64")
def test_one_pair_at_sixty_degrees_has_the_loss_that_one_computes_by_hand() -> None:
    queries, targets = jnp.array([[2.0, 0]]), jnp.array([[1.0, np.sqrt(3)]])
    found = losses.cosine_mse(queries, targets, jnp.array([0.9]))
    assert float(found) == pytest.approx(0.16, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float64, FLOAT64), (jnp.float32, FLOAT32)])
def test_value_and_gradients_are_those_of_the_twin(dtype: Any, tolerance: float) -> None:
    queries, targets = jnp.asarray(QUERIES, dtype), jnp.asarray(TARGETS, dtype)
    found = value_and_grad(queries, targets, jnp.asarray(SCORES, dtype), weights=WEIGHTS)

    def loss(queries: Any, targets: Any) -> Any:
        return twin.cosine_mse(queries, targets, SCORES, WEIGHTS)

    np.testing.assert_allclose(found[0], loss(QUERIES, TARGETS), rtol=tolerance)
    for gradient, of_twin in zip(found[1], twin.gradients(loss, QUERIES, TARGETS), strict=True):
        np.testing.assert_allclose(gradient, of_twin, rtol=10 * tolerance, atol=tolerance)


@pytest.mark.usefixtures("float64")
def test_a_row_that_only_fills_up_changes_nothing_but_what_the_mean_divides_by() -> None:
    found, _ = value_and_grad(QUERIES, TARGETS, SCORES, weights=np.array([1.0] * 6 + [0.0] * 2))
    alone = losses.cosine_mse(QUERIES[:6], TARGETS[:6], SCORES[:6])
    assert float(found) == pytest.approx(float(alone) * 6 / 8, rel=FLOAT64)


def test_a_zero_row_has_cosine_zero_and_no_gradient() -> None:
    value, (of_queries, of_targets) = value_and_grad(np.zeros((8, 3)), TARGETS, SCORES)
    assert float(value) == pytest.approx(float(np.mean(SCORES**2)), rel=FLOAT32)
    assert not np.any(of_queries)
    assert not np.any(of_targets)


def test_low_precision_embeddings_have_a_float32_loss() -> None:
    arguments = (jnp.asarray(x, jnp.bfloat16) for x in (QUERIES, TARGETS))
    assert losses.cosine_mse(*arguments, SCORES).dtype == jnp.float32


@pytest.mark.usefixtures("unchecked")
def test_scores_and_weights_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must hold one number a pair, shape \(8,\)"):
        losses.cosine_mse(QUERIES, TARGETS, LABELS[:4])
    with pytest.raises(ValueError, match=r"weights must hold one number a pair, shape \(8,\)"):
        losses.cosine_mse(QUERIES, TARGETS, LABELS, weights=LABELS[:4])
