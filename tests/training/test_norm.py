"""The norm of a gradient, as Optax finds it and, on a GPU, of leaves laid side by side."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bscl_jax.training._norm import find_norm


def make_gradient() -> dict[str, Any]:
    random = np.random.default_rng(0)

    def make(*shape: int) -> jax.Array:
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    layers = [{"kernel": make(6, 4), "bias": make(4), "scale": make(4)} for _ in range(5)]
    return {"layers": layers, "log_temperature": make(), "half": make(4).astype(jnp.bfloat16)}


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_it_is_the_norm_of_all_leaves_together(backend: str, monkeypatch: Any) -> None:
    gradient = make_gradient()
    leaves = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(gradient)]
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    found = float(find_norm(gradient))
    assert found == pytest.approx(np.linalg.norm(np.concatenate(leaves)), rel=3e-3)  # of bfloat16
    del gradient["half"]
    assert float(find_norm(gradient)) == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-6)


def test_on_a_gpu_leaves_of_one_shape_and_type_are_one_sum(monkeypatch: Any) -> None:
    gradient = make_gradient()

    def count_sums() -> int:
        traced = jax.make_jaxpr(lambda tree: find_norm(tree))(gradient)  # what is new is traced
        return str(traced).count(" reduce_sum[")

    assert count_sums() == len(jax.tree.leaves(gradient))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert count_sums() == 4  # kernels; biases and scales; the scalar; the half
