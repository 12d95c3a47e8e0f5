"""What the paper's own code answers, in float64, in value and gradient."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses

TOLERANCE = 1e-10
FILE = Path(__file__).parent / "reference_losses.npz"
NORMALIZE = {1: "l2", 0: "range", None: "none"}

with np.load(FILE) as stored:
    GOLDEN = dict(stored)
CASES = json.loads(str(GOLDEN["cases"]))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_loss_and_gradients_are_those_of_the_reference(case: dict[str, Any]) -> None:
    name = case["name"]
    embeddings = [jnp.asarray(GOLDEN[f"{name}/rep{k}"]) for k in range(case["reps"])]
    labels = jnp.asarray(GOLDEN[f"{name}/labels"])
    keywords: dict[str, Any] = {
        "temperature": case["tau"],
        "normalize": NORMALIZE[case["norm_dim"]],
    }

    def loss(queries: jax.Array, targets: jax.Array, *extra: jax.Array) -> jax.Array:
        if "mu" in case:
            return losses.combo(queries, targets, labels, mu=case["mu"], **keywords)
        extra_targets = extra[0] if extra else None
        return losses.batch_softmax(
            queries, targets, labels=labels, extra_targets=extra_targets, **keywords
        )

    value, gradients = jax.value_and_grad(loss, tuple(range(len(embeddings))))(*embeddings)

    np.testing.assert_allclose(value, GOLDEN[f"{name}/loss"], rtol=TOLERANCE)
    for k, gradient in enumerate(gradients):
        expected = GOLDEN[f"{name}/grad{k}"]
        scale = max(float(np.abs(expected).max()), np.finfo(np.float64).tiny)
        np.testing.assert_allclose(gradient, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)


def test_every_stored_case_is_tested() -> None:
    assert len(CASES) == 37
    assert {key.split("/")[0] for key in GOLDEN} - {"cases"} == {case["name"] for case in CASES}
