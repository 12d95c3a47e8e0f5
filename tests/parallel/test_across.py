from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from bscl_jax import parallel

ROWS, FEATURES = 16, 3
SAME_IN_FLOAT64 = 1e-12


def gathered(axis_name: str | None) -> Any:
    """A loss in which each row meets the targets of all devices."""

    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch: dict) -> jax.Array:
        if axis_name:
            targets = lax.all_gather(targets, axis_name, tiled=True)
        logits = queries @ targets.T * params["scale"]
        return (batch["weights"] * jax.nn.logsumexp(logits, axis=1)).mean()

    return loss


def make_arguments() -> tuple:
    rng = np.random.default_rng(0)
    queries, targets = rng.normal(size=(2, ROWS, FEATURES))
    return {"scale": np.float64(0.7)}, queries, targets, {"weights": rng.uniform(size=ROWS)}


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_value_and_gradients_across_devices_are_those_of_the_whole_batch(
    devices: int, float64: None
) -> None:
    arguments, mesh = make_arguments(), parallel.make_mesh(devices)
    whole = jax.value_and_grad(gathered(None), argnums=(0, 1, 2))(*arguments)
    loss = parallel.across(gathered(parallel.AXIS), mesh)
    placed = parallel.replicate(arguments[0], mesh), *parallel.place(arguments[1:], mesh)
    divided = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*placed)
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=SAME_IN_FLOAT64), divided, whole
    )


def test_each_device_is_given_its_own_rows_and_whole_params() -> None:
    shapes = []

    def loss(params: Any, queries: Any, targets: Any, batch: Any) -> jax.Array:
        shapes.append([jnp.shape(each) for each in (params, queries, targets, batch)])
        return queries.mean()

    rows = jnp.ones((ROWS, FEATURES))
    parallel.across(loss, parallel.make_mesh(8))(jnp.ones(5), rows, rows, jnp.ones(ROWS))
    assert shapes == [[(5,), (2, FEATURES), (2, FEATURES), (2,)]]
