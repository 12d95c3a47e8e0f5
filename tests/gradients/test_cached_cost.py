"""What the cached gradient costs: one more forward pass, in the memory of one chunk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders, gradients
from bscl_jax.types import PairBatch, TokenBatch

CHUNK, LENGTH, FEATURES = 16, 16, 32

ROUNDS = 1.01
"""Room for the counting of rounds, and for the sums over chunks."""

ENCODER, PARAMS = encoders.random(["abcdefghijklmnopqrs"], seed=0, hidden_size=FEATURES)


def encode(params: dict, tokens: TokenBatch, dropout_key: jax.Array | None) -> jax.Array:
    return ENCODER.apply(params, tokens, dropout_key=dropout_key)


def loss(params: dict, queries: jax.Array, targets: jax.Array, batch: PairBatch) -> jax.Array:
    """A loss that needs no memory worth naming, and hardly any arithmetic."""
    return jnp.tanh((queries * targets).sum(1)).mean()


def make_batch(rows: int) -> PairBatch:
    tokens = TokenBatch(np.zeros((rows, LENGTH), np.int32), np.ones((rows, LENGTH), bool))
    ones, ids = np.ones(rows, np.float32), np.arange(rows, dtype=np.int32)
    return PairBatch(tokens, tokens, ones, ones, ids, ids)


def compile_for(rows: int, chunk_size: int | None) -> jax.stages.Compiled:
    compute = gradients.value_and_grad(encode, loss)
    if chunk_size:
        compute = gradients.cached_value_and_grad(encode, loss, chunk_size=chunk_size)
    return jax.jit(compute).lower(PARAMS, make_batch(rows), jax.random.key(0)).compile()


def flops(program: jax.stages.Compiled) -> float:
    return program.cost_analysis()["flops"]


def temporary_bytes(rows: int, chunk_size: int | None) -> int:
    return compile_for(rows, chunk_size).memory_analysis().temp_size_in_bytes


def test_the_memory_is_that_of_one_chunk_whatever_the_batch() -> None:
    # What a pair keeps: embeddings and their gradients, tokens (id and mask) cut in chunks, keys.
    pair = 2 * 2 * FEATURES * 4 + 2 * LENGTH * (4 + 1) + 2 * 8
    rows = np.array([64, 128, 256])
    cached = np.array([temporary_bytes(b, CHUNK) for b in rows])
    assert (np.diff(cached) <= np.diff(rows) * pair).all()
    assert (cached <= temporary_bytes(CHUNK, None) + rows * pair).all()


def test_a_batch_of_one_chunk_is_encoded_once() -> None:
    assert flops(compile_for(32, 32)) == flops(compile_for(32, None))


@pytest.mark.parametrize("chunk_size", [8, 32])
def test_the_arithmetic_is_one_forward_pass_more(chunk_size: int) -> None:
    rows, key = 64, jax.random.key(0)
    both = jax.jit(lambda params, batch, keys: [encode(params, side, keys) for side in batch[:2]])
    forward = both.lower(PARAMS, make_batch(rows), gradients.row_keys(key, rows)).compile()
    plain, cached = compile_for(rows, None), compile_for(rows, chunk_size)
    # XLA counts the body of a loop once, so what it counts is one chunk (the loss counts nothing).
    assert flops(cached) * rows / chunk_size <= (flops(plain) + flops(forward)) * ROUNDS
