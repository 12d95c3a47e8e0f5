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


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.cosent(**rows, **fixed, temperature=shared, axis_name=axis_name)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("context", ["jit", "shard_map_checked", "pmap"])
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(context: str) -> None:
    rows = {"queries": QUERIES, "targets": TARGETS}
    batch = (rows, 0.2, {"scores": SCORES, "weights": WEIGHTS})
    call = (contexts.ON_ONE_DEVICE | contexts.ON_MANY_DEVICES)[context]
    value, (of_rows, of_temperature) = call(loss, 8, *jax.tree.map(jnp.asarray, batch))

    def of_twin(queries: Any, targets: Any, temperature: Any) -> Any:
        return twin.cosent(queries, targets, SCORES, WEIGHTS, temperature)

    arguments = (QUERIES, TARGETS, np.array(0.2))
    np.testing.assert_allclose(value, of_twin(*arguments), rtol=FLOAT64)
    found = (*of_rows.values(), of_temperature)
    for gradient, expected in zip(found, twin.gradients(of_twin, *arguments), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-11, atol=FLOAT64)


def test_equal_scores_give_no_loss_and_no_gradient() -> None:
    value, gradient = jax.jit(jax.value_and_grad(losses.cosent))(QUERIES, TARGETS, np.ones(8))
    assert float(value) == 0
    assert not np.any(gradient)


@pytest.mark.usefixtures("float64")
def test_only_the_order_of_the_scores_counts() -> None:
    found = losses.cosent(QUERIES, TARGETS, np.exp(SCORES) * 50)
    assert float(found) == float(losses.cosent(QUERIES, TARGETS, SCORES))


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_value_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="temperature must be > 0 and finite, got 0"):
        losses.cosent(QUERIES, TARGETS, SCORES, temperature=0)
    with pytest.raises(ValueError, match=r"weights must hold one number a pair, shape \(8,\)"):
        losses.cosent(QUERIES, TARGETS, SCORES, weights=WEIGHTS[:4])
