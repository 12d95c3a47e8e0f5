import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import twin
from tests.losses.scenes import EXTRAS, QUERIES, TARGETS
from tests.losses.test_cosine_mse import WEIGHTS

FLOAT64 = 1e-12


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_value_and_gradients_are_those_of_the_twin(distance: str) -> None:
    arguments = (QUERIES, TARGETS, EXTRAS)
    keywords: dict[str, Any] = {"distance": distance, "weights": WEIGHTS}
    loss = functools.partial(losses.triplet, **keywords)
    value, gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*arguments)
    of_twin = functools.partial(twin.triplet, **keywords)
    np.testing.assert_allclose(value, of_twin(*arguments), rtol=FLOAT64)
    for gradient, expected in zip(gradients, twin.gradients(of_twin, *arguments), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=FLOAT64, atol=FLOAT64)


def test_negatives_farther_away_than_the_margin_cost_nothing() -> None:
    anchors = jnp.asarray(QUERIES)
    assert float(losses.triplet(anchors, anchors, anchors + 1.0)) == 0
    assert float(losses.triplet(anchors, anchors, anchors + 1.0, margin=2)) > 0


def test_equal_embeddings_cost_the_margin_and_get_no_gradient() -> None:
    value, gradient = jax.value_and_grad(losses.triplet)(*(jnp.asarray(QUERIES),) * 3)
    assert float(value) == 0.5
    assert not np.any(gradient)


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_value_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="distance must be one of 'euclidean', 'cosine'"):
        losses.triplet(QUERIES, TARGETS, EXTRAS, distance="manhattan")
    with pytest.raises(ValueError, match=r"anchors \(8, 3\), positives \(8, 3\), negatives \(4, 3"):
        losses.triplet(QUERIES, TARGETS, EXTRAS[:4])
