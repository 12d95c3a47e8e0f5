"""Extra candidates of a batch: encoded as targets, with dropout of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import gradients, parallel
from bscl_jax.types import TokenBatch
from tests.gradients import toy
from tests.gradients.same import SAME_IN_FLOAT64, assert_same

ROWS, EXTRAS = 8, 16
TOWERS = {"tied": toy.encode, "untied": (toy.encode, toy.encode_targets)}


def make_batch(rows: int = 7, extras: int = 5):
    return toy.with_extras(toy.make_batch(rows), extras)


def test_the_loss_gets_the_extras_as_the_target_tower_encodes_them() -> None:
    params, batch = toy.make_params(), make_batch()
    given = []

    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch, extras: jax.Array):
        given.append(extras)
        return queries.sum()

    gradients.value_and_grad(TOWERS["untied"], loss)(params, batch, None)
    expected = toy.encode_targets(params, batch.extras, None)
    np.testing.assert_allclose(given[0].primal, expected, rtol=1e-6)


def test_without_extras_the_loss_gets_four_arguments() -> None:
    counts = []

    def loss(*arguments):
        counts.append(len(arguments))
        return arguments[1].sum()

    gradients.value_and_grad(toy.encode, loss)(toy.make_params(), toy.make_batch(3), None)
    assert counts == [4]


def test_extras_are_dropped_out_differently_from_both_sides() -> None:
    seen = []

    def encode(params: dict, tokens: TokenBatch, dropout_key: jax.Array) -> jax.Array:
        seen.append(jax.random.key_data(dropout_key))
        return toy.encode(params, tokens, dropout_key)

    gradients.value_and_grad(encode, toy.loss_with_extras)(
        toy.make_params(), make_batch(4, 4), jax.random.key(0)
    )
    assert len(np.unique(np.concatenate(seen), axis=0)) == 12


def test_extras_leave_the_dropout_of_queries_and_targets_as_it_is(float64: None) -> None:
    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch, *extras: jax.Array):
        return toy.loss(params, queries, targets, batch)

    compute, key = gradients.value_and_grad(toy.encode, loss), jax.random.key(0)
    without = compute(toy.make_params(), toy.make_batch(7), key)
    assert_same(compute(toy.make_params(), make_batch(), key), without, SAME_IN_FLOAT64)


def test_the_gradient_passes_through_the_extras() -> None:
    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch, extras: jax.Array):
        return extras.sum()

    compute = gradients.value_and_grad(TOWERS["untied"], loss)
    _, grads = compute(toy.make_params(), make_batch(), None)
    assert jnp.abs(grads["targets"]["kernel"]).sum() > 0
    assert jnp.abs(grads["encoder"]["kernel"]).sum() == 0


@pytest.mark.parametrize("chunk_size", [1, 3, 5, 6, 100])
@pytest.mark.parametrize("towers", TOWERS)
def test_the_cached_gradient_equals_the_plain_one_with_extras(
    towers: str, chunk_size: int, float64: None
) -> None:
    arguments = toy.make_params(), make_batch(), jax.random.key(0)
    plain = gradients.value_and_grad(TOWERS[towers], toy.loss_with_extras)
    cached = gradients.cached_value_and_grad(
        TOWERS[towers], toy.loss_with_extras, chunk_size=chunk_size
    )
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", [None, 8])
@pytest.mark.parametrize("devices", [2, 8])
def test_extras_on_many_devices_equal_those_of_one(
    devices: int, chunk_size: int | None, float64: None
) -> None:
    batch, params = make_batch(ROWS, EXTRAS), toy.make_params()
    alone = gradients.value_and_grad(toy.encode, toy.loss_with_extras)
    mesh = parallel.make_mesh(devices)
    extras = parallel.place((batch.extras, batch.extra_ids), mesh)
    placed = parallel.place(batch._replace(extras=None, extra_ids=None), mesh)
    placed = placed._replace(extras=extras[0], extra_ids=extras[1])
    compute = alone
    if chunk_size is not None:
        compute = gradients.cached_value_and_grad(
            toy.encode, toy.loss_with_extras, chunk_size=chunk_size, mesh=mesh
        )
    key = jax.random.key(5)
    many = jax.jit(compute)(parallel.replicate(params, mesh), placed, key)
    assert_same(many, jax.jit(alone)(params, batch, key), SAME_IN_FLOAT64)
