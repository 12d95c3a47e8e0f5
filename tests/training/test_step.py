from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import pytest

from bscl_jax import gradients, parallel, training
from tests.gradients import toy

SAME_IN_FLOAT64 = 1e-12
SAME_IN_FLOAT32 = 2e-6
ROUNDING = 1e-6
"""A few roundings in float32."""

PLAIN_DESCENT = optax.sgd(1.0)
"""The update is the gradient. Adam would hide a gradient that is too large by a factor."""


def take_steps(
    *,
    devices: int = 1,
    precision: str = "float32",
    chunk_size: int | None = None,
    optimizer: optax.GradientTransformation = PLAIN_DESCENT,
    key: jax.Array | None = None,
    num_steps: int = 1,
    first_step: int = 0,
    params: dict | None = None,
) -> tuple[training.State, dict]:
    dtype = np.dtype(precision).type
    mesh = parallel.make_mesh(devices)
    step = training.make_step(toy.encode, toy.loss, optimizer, mesh=mesh, chunk_size=chunk_size)
    params = toy.make_params(dtype=dtype) if params is None else params
    state = training.init_state(params, optimizer, mesh=mesh)
    state = state._replace(step=state.step + first_step)
    for seed in range(num_steps):
        batch = parallel.place(toy.make_batch(16, dtype=dtype, seed=seed), mesh)
        state, facts = step(state, batch, key)
    return state, jax.tree.map(float, facts)


def assert_same(actual: dict, expected: dict, tolerance: float) -> None:
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * np.abs(e).max()),
        actual,
        expected,
    )


@pytest.mark.parametrize(("devices", "chunk_size"), [(2, None), (4, None), (8, None), (8, 8)])
def test_many_devices_make_the_update_of_one(
    devices: int, chunk_size: int | None, float64: None
) -> None:
    options = {"precision": "float64", "key": jax.random.key(1)}
    one, _ = take_steps(**options)
    many, _ = take_steps(devices=devices, chunk_size=chunk_size, **options)
    assert_same(many.params, one.params, SAME_IN_FLOAT64)


def test_many_devices_make_the_update_of_one_in_single_precision() -> None:
    one, facts_of_one = take_steps(key=jax.random.key(1))
    many, facts_of_many = take_steps(devices=8, key=jax.random.key(1))
    assert_same(many.params, one.params, SAME_IN_FLOAT32)
    assert_same(facts_of_many, facts_of_one, SAME_IN_FLOAT32)


def test_three_steps_of_the_papers_optimizer_agree_too(float64: None) -> None:
    options = {
        "precision": "float64",
        "key": jax.random.key(1),
        "optimizer": training.make_optimizer(num_steps=3, learning_rate=0.01),
        "num_steps": 3,
    }
    one, _ = take_steps(**options)
    many, _ = take_steps(devices=8, **options)
    assert_same(many.params, one.params, SAME_IN_FLOAT64)


def test_the_step_donates_its_state_but_not_the_parameters_that_training_started_from() -> None:
    mesh = parallel.make_mesh(1)
    params = jax.tree.map(jax.numpy.asarray, toy.make_params(dtype=np.float32))
    step = training.make_step(toy.encode, toy.loss, PLAIN_DESCENT, mesh=mesh)
    state = training.init_state(params, PLAIN_DESCENT, mesh=mesh)
    step(state, parallel.place(toy.make_batch(16, dtype=np.float32), mesh), None)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(params))


def test_the_step_is_compiled_once_for_batches_of_one_shape() -> None:
    mesh = parallel.make_mesh(2)
    optimizer = training.make_optimizer(num_steps=3)
    step = training.make_step(toy.encode, toy.loss, optimizer, mesh=mesh)
    state = training.init_state(toy.make_params(dtype=np.float32), optimizer, mesh=mesh)
    for seed in range(3):
        batch = parallel.place(toy.make_batch(16, dtype=np.float32, seed=seed), mesh)
        state, _ = step(state, batch, jax.random.key(0))
    assert step._cache_size() == 1
    assert int(state.step) == 3


def test_dropout_differs_from_step_to_step_and_is_the_same_for_the_same_step() -> None:
    key = jax.random.key(0)
    losses = [take_steps(key=key, first_step=number)[1]["loss"] for number in (0, 1, 0)]
    assert losses[0] == losses[2] != losses[1]


def test_without_a_key_there_is_no_dropout() -> None:
    params, batch = toy.make_params(dtype=np.float32), toy.make_batch(16, dtype=np.float32, seed=0)
    queries = toy.encode(params, batch.queries, None)
    targets = toy.encode(params, batch.targets, None)
    _, facts = take_steps(key=None)
    expected = float(toy.loss(params, queries, targets, batch))
    assert facts["loss"] == pytest.approx(expected, rel=ROUNDING)


def test_facts_tell_loss_unclipped_gradient_norm_rate_and_temperature_before_the_update() -> None:
    optimizer = training.make_optimizer(num_steps=2, learning_rate=0.5, max_gradient_norm=1e-3)
    _, facts = take_steps(optimizer=optimizer)
    assert sorted(facts) == ["gradient_norm", "learning_rate", "loss", "temperature"]
    _, grads = jax.jit(gradients.value_and_grad(toy.encode, toy.loss))(
        toy.make_params(dtype=np.float32), toy.make_batch(16, dtype=np.float32, seed=0), None
    )
    assert facts["gradient_norm"] == pytest.approx(float(optax.tree.norm(grads)), rel=ROUNDING)
    assert facts["learning_rate"] == pytest.approx(0.5 * 2 / 3, rel=ROUNDING)
    assert facts["temperature"] == pytest.approx(0.5, rel=ROUNDING)


def test_without_a_trained_temperature_there_is_none_in_the_facts() -> None:
    mesh = parallel.make_mesh(1)
    params = {"encoder": toy.make_params(dtype=np.float32)["encoder"]}

    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch: tuple) -> jax.Array:
        return ((queries - targets) ** 2).mean()

    step = training.make_step(toy.encode, loss, PLAIN_DESCENT, mesh=mesh)
    state = training.init_state(params, PLAIN_DESCENT, mesh=mesh)
    batch = parallel.place(toy.make_batch(16, dtype=np.float32), mesh)
    assert sorted(step(state, batch, None)[1]) == ["gradient_norm", "loss"]


def test_a_trained_bias_is_among_the_facts_before_the_update() -> None:
    mesh = parallel.make_mesh(1)
    params = toy.make_params(dtype=np.float32) | {"logit_bias": np.float32(-3)}

    def loss(params: dict, queries: jax.Array, targets: jax.Array, batch: tuple) -> jax.Array:
        return ((queries - targets) ** 2).mean() + params["logit_bias"]

    step = training.make_step(toy.encode, loss, PLAIN_DESCENT, mesh=mesh)
    state = training.init_state(params, PLAIN_DESCENT, mesh=mesh)
    state, facts = step(state, parallel.place(toy.make_batch(16, dtype=np.float32), mesh), None)
    assert facts["bias"] == -3
    assert state.params["logit_bias"] < -3


def test_the_temperature_stays_in_its_range_whichever_way_it_is_driven() -> None:
    driven = [take_steps(optimizer=optax.sgd(rate))[0].params for rate in (1e6, -1e6)]
    ends = sorted(float(np.exp(params["log_temperature"])) for params in driven)
    assert ends == pytest.approx([1e-3, 10.0], rel=ROUNDING)


def test_a_chunk_of_no_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="chunk_size must be at least 1"):
        take_steps(chunk_size=0)


def nan_loss(params: dict, *arguments: Any) -> jax.Array:
    """Return the toy loss, or NaN where the first score is below 0."""
    scores = arguments[-1].scores
    return toy.loss(params, *arguments) * jax.numpy.where(scores[0] < 0, jax.numpy.nan, 1)


def steep_loss(params: dict, *arguments: Any) -> jax.Array:
    """Return the toy loss, at an infinite slope where the first score is below 0."""
    scores, slope = arguments[-1].scores, params["log_temperature"]
    zero = slope - jax.lax.stop_gradient(slope)
    return toy.loss(params, *arguments) + jax.numpy.sqrt(zero + (scores[0] >= 0))


@pytest.mark.parametrize("loss", [nan_loss, steep_loss])
def test_a_step_that_is_not_finite_changes_no_bit_of_parameters_and_optimizer(
    loss: Callable,
) -> None:
    mesh, optimizer = parallel.make_mesh(2), training.make_optimizer(num_steps=9)
    step = training.make_step(toy.encode, loss, optimizer, mesh=mesh)
    batch = parallel.place(toy.make_batch(16, dtype=np.float32), mesh)
    spoiled = batch._replace(scores=-1 - batch.scores)
    state = training.init_state(toy.make_params(dtype=np.float32), optimizer, mesh=mesh)
    state, _ = step(state, batch, jax.random.key(0))
    before = jax.tree.map(np.array, state)
    state, facts = step(state, spoiled, jax.random.key(0))
    assert not np.isfinite(facts["gradient_norm"])
    assert np.isfinite(facts["loss"]) == (loss is steep_loss)
    after = jax.tree.map(np.array, state)
    jax.tree.map(np.testing.assert_array_equal, after, before._replace(step=np.int32(2)))
    state, facts = step(state, batch, jax.random.key(0))
    assert np.isfinite(facts["gradient_norm"])
    assert (np.asarray(state.params["encoder"]["table"]) != after.params["encoder"]["table"]).any()
