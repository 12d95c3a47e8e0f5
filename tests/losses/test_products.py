"""How precise the products of embeddings are: what is asked for, in all of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from bscl_jax.losses._dot import PRECISIONS

IMPLEMENTATIONS = ("dense", "tiled", "panels")


def lowered(**options: Any) -> str:
    """The gradient of a loss, as XLA is given it."""
    random = np.random.default_rng(0)
    queries, targets = (random.standard_normal((8, 4), np.float32) for _ in range(2))

    def loss(queries: jax.Array, targets: jax.Array) -> jax.Array:
        return losses.batch_softmax(queries, targets, same_side="both", tile_size=4, **options)

    return jax.jit(jax.grad(loss, argnums=(0, 1))).lower(queries, targets).as_text()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("precision", ["highest", "high", "default"])
def test_every_product_has_the_precision_that_is_asked_for(
    implementation: str, precision: str
) -> None:
    text = lowered(implementation=implementation, precision=precision)
    products = [line for line in text.splitlines() if "dot_general" in line]
    asked = f"precision = [{precision.upper()}, {precision.upper()}]"
    assert products
    for line in products:
        assert asked in line or (precision == "default" and "precision" not in line), line


def test_the_precision_is_the_highest_unless_asked() -> None:
    assert lowered() == lowered(precision="highest")
    assert lowered() != lowered(precision="default")


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_each_product_can_be_three_products_of_bfloat16(implementation: str) -> None:
    text = lowered(implementation=implementation, precision="BF16_BF16_F32_X3")
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert products
    for line in products:
        assert "lhs_precision_type = bf16" in line
        assert "num_primitive_operations = 3" in line


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_float64_is_never_rounded(precision: str) -> None:
    pairs = np.random.default_rng(0).normal(size=(2, 8, 4))
    assert losses.batch_softmax(*pairs, precision=precision) == losses.batch_softmax(*pairs)


def test_combo_passes_it_on() -> None:
    pairs = [jnp.eye(4), jnp.eye(4) + 0.1]

    def text(precision: str) -> str:
        def loss(queries: jax.Array, targets: jax.Array) -> jax.Array:
            return losses.combo(queries, targets, jnp.ones(4), mu=0.5, precision=precision)

        return jax.jit(loss).lower(*pairs).as_text()

    assert "HIGHEST" in text("highest")
    assert "HIGHEST" not in text("default")


def test_an_unknown_precision_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError,
        match="precision must be one of 'highest', 'high', 'default', 'BF16_BF16_F32_X3'",
    ):
        losses.batch_softmax(jnp.eye(2), jnp.eye(2), precision="half")
