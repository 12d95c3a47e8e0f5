from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import contexts, twin
from tests.losses.scenes import QUERIES, TARGETS
from tests.losses.test_cosine_mse import SCORES, WEIGHTS

FLOAT64 = 1e-12
FLOAT32 = 5e-6
# The loss measures a misfit of some 0.3 % of the scores, which float32 knows to 6e-8.
FLOAT32_NEAR_ONE = 1e-4

value_and_grad = jax.jit(jax.value_and_grad(losses.pearson, argnums=(0, 1)))


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.pearson(**rows, **fixed, axis_name=axis_name)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("context", ["jit", "shard_map_checked", "pmap"])
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(context: str) -> None:
    rows = {"queries": QUERIES, "targets": TARGETS}
    batch = (rows, 0.0, {"scores": SCORES, "weights": WEIGHTS})
    call = (contexts.ON_ONE_DEVICE | contexts.ON_MANY_DEVICES)[context]
    value, (of_rows, _) = call(loss, 4, *jax.tree.map(jnp.asarray, batch))

    def of_twin(queries: Any, targets: Any) -> Any:
        return twin.pearson(queries, targets, SCORES, WEIGHTS)

    np.testing.assert_allclose(value, of_twin(QUERIES, TARGETS), rtol=FLOAT64)
    expected = twin.gradients(of_twin, QUERIES, TARGETS)
    for gradient, of_expected in zip(of_rows.values(), expected, strict=True):
        np.testing.assert_allclose(gradient, of_expected, rtol=FLOAT64, atol=FLOAT64)


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


@pytest.mark.parametrize(("queries", "scores"), [(QUERIES, np.ones(8)), (np.zeros((8, 3)), SCORES)])
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


@pytest.mark.usefixtures("unchecked")
def test_scores_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must hold one number a pair, shape \(8,\)"):
        losses.pearson(QUERIES, TARGETS, SCORES[:4])
