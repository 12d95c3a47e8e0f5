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
# The loss measures a misfit of some 0.3 % of the scores, which float32 knows to 6e-8.
FLOAT32_NEAR_ONE = 1e-4

value_and_grad = jax.jit(jax.value_and_grad(losses.pearson, argnums=(0, 1)))


BATCH = ({"queries": QUERIES, "targets": TARGETS}, 1.5, {"scores": SCORES, "weights": WEIGHTS})


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return shared * losses.pearson(**rows, **fixed, axis_name=axis_name)


def of_twin(rows: Any, shared: Any, fixed: Any) -> Any:
    return shared * twin.pearson(**rows, **fixed)


@pytest.mark.usefixtures("float64")
def test_three_pairs_have_the_loss_that_one_computes_by_hand() -> None:
    queries = jnp.array([[1.0, 0], [1.0, 0], [1.0, 0]])
    targets = jnp.array([[1.0, 0], [3.0, 4], [0.0, 1]])  # cosines 1, 0.6 and 0
    found = losses.pearson(queries, targets, jnp.array([1.0, 0, 0]))
    # Less their means: cosines 7/15, 1/15, -8/15 and scores 2/3, -1/3, -1/3.
    by_hand = 1 - (7 / 15) / np.sqrt((49 + 1 + 64) / 225 * 2 / 3)
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


@pytest.mark.usefixtures("float64")
def test_float32_keeps_its_digits_where_the_correlation_is_nearly_one() -> None:
    queries, targets = (x.astype(np.float32) for x in (QUERIES, TARGETS))
    scores = (twin.cosines(queries, targets) + 0.01 * SCORES).astype(np.float32)
    as_float64 = (jnp.asarray(x, jnp.float64) for x in (queries, targets, scores))
    expected, of_expected = value_and_grad(*as_float64)
    found, of_found = value_and_grad(queries, targets, scores)
    assert 1e-6 < float(expected) < 1e-4
    assert float(found) == pytest.approx(float(expected), rel=FLOAT32_NEAR_ONE)
    for gradient, of_float64 in zip(of_found, of_expected, strict=True):
        scale = float(np.abs(of_float64).max())
        np.testing.assert_allclose(gradient, of_float64, atol=FLOAT32_NEAR_ONE * scale)


@pytest.mark.usefixtures("float64")
def test_rows_of_weight_zero_are_as_good_as_not_there() -> None:
    weights = np.array([1.0] * 5 + [0.0] * 3)
    found = losses.pearson(QUERIES, TARGETS, SCORES, weights=weights)
    alone = losses.pearson(QUERIES[:5], TARGETS[:5], SCORES[:5])
    assert float(found) == pytest.approx(float(alone), rel=FLOAT64)


@pytest.mark.parametrize(
    ("queries", "scores"),
    [(QUERIES, np.ones(8)), (np.zeros((8, 3)), SCORES), (TARGETS, SCORES)],
    ids=["equal scores", "zero rows", "equal texts"],
)
def test_without_variation_there_is_no_correlation_and_no_gradient(
    queries: np.ndarray, scores: np.ndarray
) -> None:
    value, gradients = value_and_grad(queries, TARGETS, scores)
    assert float(value) == pytest.approx(1, rel=FLOAT32)
    assert not any(np.any(gradient) for gradient in gradients)


def test_scores_may_be_on_any_scale() -> None:
    found = losses.pearson(QUERIES, TARGETS, 1000 * SCORES - 7)
    assert float(found) == pytest.approx(
        float(losses.pearson(QUERIES, TARGETS, SCORES)), rel=FLOAT32
    )


def test_one_pair_has_no_correlation_and_no_gradient() -> None:
    value, gradients = value_and_grad(QUERIES[:1], TARGETS[:1], SCORES[:1])
    assert float(value) == 1
    assert not any(np.any(gradient) for gradient in gradients)


def test_bfloat16_embeddings_have_a_float32_loss_and_nearly_its_gradient() -> None:
    def both(dtype: Any) -> tuple[jax.Array, np.ndarray]:
        rows = (jnp.asarray(x, dtype) for x in (QUERIES, TARGETS))
        value, gradients = value_and_grad(*rows, SCORES)
        return value, np.concatenate([np.asarray(x, float) for x in gradients]).ravel()

    _, a = both(jnp.float32)
    value, b = both(jnp.bfloat16)
    assert value.dtype == jnp.float32
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= BFLOAT16_COSINE


@pytest.mark.usefixtures("unchecked")
def test_scores_and_weights_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must hold one number a pair, shape \(8,\)"):
        losses.pearson(QUERIES, TARGETS, SCORES[:4])
    with pytest.raises(ValueError, match=r"weights must hold one number a pair, shape \(8,\)"):
        losses.pearson(QUERIES, TARGETS, SCORES, weights=WEIGHTS[:4])
