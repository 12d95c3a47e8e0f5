"""What the paper's own code answers, in float64, in value and gradient."""

import functools
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


@functools.partial(jax.jit, static_argnames=("normalize", "mu"))
def value_and_grad(
    embeddings: tuple[jax.Array, ...],
    labels: jax.Array,
    temperature: float,
    normalize: str,
    mu: float | None,
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    def loss(embeddings: tuple[jax.Array, ...]) -> jax.Array:
        queries, targets, *extra = embeddings
        keywords: dict[str, Any] = {"temperature": temperature, "normalize": normalize}
        if mu is not None:
            return losses.combo(queries, targets, labels, mu=mu, **keywords)
        if extra:
            keywords["extra_targets"] = extra[0]
        return losses.batch_softmax(queries, targets, labels=labels, **keywords)

    return jax.value_and_grad(loss)(embeddings)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_loss_and_gradients_are_those_of_the_reference(case: dict[str, Any]) -> None:
    name = case["name"]
    embeddings = tuple(jnp.asarray(GOLDEN[f"{name}/rep{k}"]) for k in range(case["reps"]))
    labels = jnp.asarray(GOLDEN[f"{name}/labels"])

    value, gradients = value_and_grad(
        embeddings, labels, case["tau"], NORMALIZE[case["norm_dim"]], case.get("mu")
    )

    np.testing.assert_allclose(value, GOLDEN[f"{name}/loss"], rtol=TOLERANCE)
    for k, gradient in enumerate(gradients):
        expected = GOLDEN[f"{name}/grad{k}"]
        scale = max(float(np.abs(expected).max()), np.finfo(np.float64).tiny)
        np.testing.assert_allclose(gradient, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)


def test_every_stored_case_is_tested() -> None:
    assert len(CASES) == 37
    assert {key.split("/")[0] for key in GOLDEN} - {"cases"} == {case["name"] for case in CASES}
