from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders, gradients, losses
from bscl_jax.types import TokenBatch
from tests.gradients import toy
from tests.gradients.same import SAME_IN_FLOAT32, SAME_IN_FLOAT64, assert_same

ROWS, CHUNK_SIZE = 7, 3
"""Three chunks of three rows, two rows of them repeated."""

TOWERS = {"tied": toy.encode, "untied": (toy.encode, toy.encode_targets)}


def trained(params: dict) -> jax.Array:
    return jnp.exp(params["log_temperature"])


LOSSES: dict[str, gradients.Loss] = {
    "batch_softmax": lambda _, queries, targets, batch: losses.batch_softmax(
        queries, targets, query_ids=batch.query_ids, target_ids=batch.target_ids
    ),
    "combo, temperature trained": lambda params, queries, targets, batch: losses.combo(
        queries, targets, batch.scores, mu=0.4, weights=batch.weights, temperature=trained(params)
    ),
    "batch_softmax, tiled": lambda params, queries, targets, _: losses.batch_softmax(
        queries, targets, temperature=trained(params), implementation="tiled", tile_size=3
    ),
    "cosent": lambda _, queries, targets, batch: losses.cosent(queries, targets, batch.scores),
    "supervised, sides stacked": lambda _, queries, targets, batch: losses.supervised(
        jnp.concatenate([queries, targets]), jnp.tile(batch.query_ids, 2)
    ),
    "one that reads the encoder's parameters": lambda params, queries, targets, _: (
        jnp.tanh(queries @ params["encoder"]["kernel"].T).sum() * trained(params)
        + (targets**2).mean()
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("towers", TOWERS)
def test_the_cached_gradient_equals_the_plain_one_with_dropout_on(
    towers: str, loss: str, float64: None
) -> None:
    arguments = toy.make_params(), toy.make_batch(ROWS), jax.random.key(0)
    plain = gradients.value_and_grad(TOWERS[towers], LOSSES[loss])
    cached = gradients.cached_value_and_grad(TOWERS[towers], LOSSES[loss], chunk_size=CHUNK_SIZE)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", [1, 2, 4, ROWS - 1, ROWS, 100])
def test_the_cached_gradient_is_the_same_with_chunks_of_any_size(
    chunk_size: int, float64: None
) -> None:
    arguments = toy.make_params(), toy.make_batch(ROWS), jax.random.key(0)
    plain = gradients.value_and_grad(toy.encode, toy.loss)
    cached = gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=chunk_size)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


def test_without_a_key_the_cached_gradient_equals_the_plain_one(float64: None) -> None:
    arguments = toy.make_params(), toy.make_batch(5), None
    plain = gradients.value_and_grad(toy.encode, toy.loss)
    cached = gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=2)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


def test_without_jit_the_cached_gradient_is_the_same(float64: None) -> None:
    arguments = toy.make_params(), toy.make_batch(5), jax.random.key(1)
    cached = gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=2)
    assert_same(cached(*arguments), jax.jit(cached)(*arguments), SAME_IN_FLOAT64)


def compute_with_bert(
    make: Callable[..., gradients.ValueAndGrad], untied: bool, **options: int
) -> tuple:
    text = ["abcdefghijklmnopqrs"]  # a vocabulary at least as large as the toy's
    encoder, first = encoders.random(text, seed=0, num_layers=1, hidden_size=16, dropout=0.3)
    _, second = encoders.random(text, seed=1, num_layers=1, hidden_size=16)

    def tower(name: str) -> gradients.Encode:
        return lambda params, tokens, key: encoder.apply(params[name], tokens, dropout_key=key)

    towers = (tower("first"), tower("second")) if untied else tower("first")
    params = {"first": first, "second": second, "log_temperature": np.float32(-1)}
    compute = make(towers, LOSSES["combo, temperature trained"], **options)
    return jax.jit(compute)(params, toy.make_batch(ROWS, dtype=np.float32), jax.random.key(2))


@pytest.mark.parametrize("untied", [False, True], ids=["tied", "untied"])
def test_bert_with_dropout_has_the_same_gradient_cached_and_plain(untied: bool) -> None:
    plain = compute_with_bert(gradients.value_and_grad, untied)
    cached = compute_with_bert(gradients.cached_value_and_grad, untied, chunk_size=CHUNK_SIZE)
    assert_same(cached, plain, SAME_IN_FLOAT32)


def test_each_row_is_encoded_at_most_chunk_size_at_a_time() -> None:
    shapes = []

    def encode(params: dict, tokens: TokenBatch, dropout_key: None) -> jax.Array:
        shapes.append(tokens.ids.shape)
        return toy.encode(params, tokens, dropout_key)

    jax.jit(gradients.cached_value_and_grad(encode, toy.loss, chunk_size=6)).lower(
        toy.make_params(), toy.make_batch(9), None
    )
    # Nine rows in two chunks are five and five (one repeated), not six and six.
    assert {rows for rows, _ in shapes} == {5}


def test_encode_may_be_a_callable_that_has_no_hash() -> None:
    @dataclass
    class Encoder:
        scale: float

        def __call__(self, *arguments: Any) -> jax.Array:
            return self.scale * toy.encode(*arguments)

    arguments = toy.make_params(dtype=np.float32), toy.make_batch(4, dtype=np.float32), None
    encode = Encoder(2.0)
    cached = gradients.cached_value_and_grad(encode, toy.loss, chunk_size=2)
    plain = gradients.value_and_grad(encode, toy.loss)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT32)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("chunk_size", [0, -3, 2.5])
def test_a_chunk_of_no_rows_is_an_error_with_a_remedy(chunk_size: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"chunk_size must be at least 1 .* got {chunk_size}; use"
    ):
        gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=chunk_size)
