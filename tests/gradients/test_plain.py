import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import gradients
from bscl_jax.types import TokenBatch
from tests.gradients import toy

NUMERICAL = 1e-6
"""Relative error of a central difference with step 1e-6 in float64."""


def test_the_gradient_is_that_of_finite_differences(float64: None) -> None:
    params, batch, key = toy.make_params(), toy.make_batch(4), jax.random.key(3)
    compute = jax.jit(gradients.value_and_grad(toy.encode, toy.loss))
    _, grads = compute(params, batch, key)
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda leaf: rng.normal(size=np.shape(leaf)), params)

    def value_at(step: float) -> jax.Array:
        moved = jax.tree.map(lambda p, d: p + step * d, params, direction)
        return compute(moved, batch, key)[0]

    slope = sum(
        (g * d).sum()
        for g, d in zip(jax.tree.leaves(grads), jax.tree.leaves(direction), strict=True)
    )
    np.testing.assert_allclose(slope, (value_at(1e-6) - value_at(-1e-6)) / 2e-6, rtol=NUMERICAL)


def test_the_temperature_gets_a_gradient() -> None:
    compute = jax.jit(gradients.value_and_grad(toy.encode, toy.loss))
    _, grads = compute(toy.make_params(), toy.make_batch(4), None)
    assert grads["log_temperature"] != 0


def test_no_key_means_no_dropout() -> None:
    params, batch = toy.make_params(), toy.make_batch(4)
    value, _ = gradients.value_and_grad(toy.encode, toy.loss)(params, batch, None)
    queries = toy.encode(params, batch.queries, None)
    targets = toy.encode(params, batch.targets, None)
    assert value == toy.loss(params, queries, targets, batch)


def test_queries_and_targets_are_dropped_out_differently() -> None:
    seen = []

    def encode(params: dict, tokens: TokenBatch, dropout_key: jax.Array) -> jax.Array:
        seen.append(jax.random.key_data(dropout_key))
        return toy.encode(params, tokens, dropout_key)

    gradients.value_and_grad(encode, toy.loss)(
        toy.make_params(), toy.make_batch(4), jax.random.key(0)
    )
    assert len(np.unique(np.concatenate(seen), axis=0)) == 8


def test_the_key_of_a_row_depends_on_its_position_and_not_on_the_batch_size() -> None:
    key = jax.random.key(7)
    small, large = gradients.row_keys(key, 3), gradients.row_keys(key, 10)
    assert (small == large[:3]).all()


def test_untied_towers_read_their_own_parameters() -> None:
    params, batch = toy.make_params(), toy.make_batch(4)
    value, grads = gradients.value_and_grad((toy.encode, toy.encode_targets), toy.loss)(
        params, batch, None
    )
    assert jnp.abs(grads["targets"]["kernel"]).sum() > 0
    queries = toy.encode(params, batch.queries, None)
    targets = toy.encode_targets(params, batch.targets, None)
    assert value == toy.loss(params, queries, targets, batch)


@pytest.mark.parametrize("encode", [None, (toy.encode,), [toy.encode, toy.encode]])
def test_what_is_no_encoder_is_an_error(encode: object) -> None:
    with pytest.raises(TypeError, match="encode must be a function"):
        inspect.unwrap(gradients.value_and_grad)(encode, toy.loss)
