"""Packed batches: the same loss and gradient as padded ones, plain, cached, on several devices."""

import jax
import numpy as np
import pytest

from bscl_jax import gradients, parallel
from bscl_jax.types import PairBatch, TokenBatch
from tests.gradients import toy
from tests.gradients.same import SAME_IN_FLOAT64, assert_same

PLACES = np.random.default_rng(5).permutation(8 * 3)
"""The places of the texts of a batch among those of eight rows."""


def encode(params: dict, tokens: TokenBatch, dropout_key: jax.Array | None) -> jax.Array:
    """Encode ids (r, k, s), which stand for rows of k texts; a row's texts share its masks."""
    if tokens.ids.ndim == 2:
        return toy.encode(params, tokens, dropout_key)
    texts = jax.vmap(lambda ids, mask: toy.encode(params, TokenBatch(ids, mask), dropout_key), 1, 1)
    return texts(tokens.ids, tokens.mask)


def both_ways(pairs: int, extras: int = 0) -> tuple[PairBatch, PairBatch]:
    """The same batch packed and padded; places that no text has hold other texts."""
    tokens = toy.make_tokens(np.random.default_rng(6), 8 * 3, 5)
    ends = np.cumsum([pairs, pairs, extras])
    sides = np.split(PLACES[: ends[-1]], ends[:-1])
    padded = toy.make_batch(pairs)._replace(
        **{
            name: TokenBatch(tokens.ids[places], tokens.mask[places])
            for name, places in zip(("queries", "targets", "extras"), sides, strict=True)
            if len(places)
        }
    )
    packed = padded._replace(
        queries=sides[0],
        targets=sides[1],
        extras=sides[2] if extras else None,
        packed=TokenBatch(tokens.ids.reshape(8, 3, 5), tokens.mask.reshape(8, 3, 5)),
    )
    return packed, padded


@pytest.mark.parametrize("extras", [0, 4])
@pytest.mark.parametrize("chunk_size", [None, 3])
def test_a_packed_batch_has_the_gradient_of_a_padded_one(
    extras: int, chunk_size: int | None, float64: None
) -> None:
    packed, padded = both_ways(8, extras)
    plain = gradients.value_and_grad(encode, toy.loss_with_extras)
    compute = plain
    if chunk_size is not None:
        compute = gradients.cached_value_and_grad(
            encode, toy.loss_with_extras, chunk_size=chunk_size
        )
    params = toy.make_params()
    actual = jax.jit(compute)(params, packed, None)
    assert_same(actual, jax.jit(plain)(params, padded, None), SAME_IN_FLOAT64)


def test_chunks_of_rows_draw_the_masks_of_the_whole(float64: None) -> None:
    packed, _ = both_ways(8)
    plain = gradients.value_and_grad(encode, toy.loss)
    cached = gradients.cached_value_and_grad(encode, toy.loss, chunk_size=3)
    given = toy.make_params(), packed, jax.random.key(1)
    assert_same(jax.jit(cached)(*given), jax.jit(plain)(*given), SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", [None, 4])
def test_rows_on_several_devices_have_the_gradient_of_one(
    chunk_size: int | None, float64: None
) -> None:
    packed, _ = both_ways(8, 4)
    mesh = parallel.make_mesh(4)
    compute = plain = gradients.value_and_grad(encode, toy.loss_with_extras)
    if chunk_size is not None:
        compute = gradients.cached_value_and_grad(
            encode, toy.loss_with_extras, chunk_size=chunk_size, mesh=mesh
        )
    params, key = toy.make_params(), jax.random.key(1)
    expected = jax.jit(plain)(params, packed, key)
    rest = packed._replace(extras=None, extra_ids=None, packed=None)
    placed = parallel.place(rest, mesh)._replace(
        extras=parallel.place(packed.extras, mesh), packed=parallel.place(packed.packed, mesh)
    )
    actual = jax.jit(compute)(parallel.replicate(params, mesh), placed, key)
    assert_same(actual, expected, SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_two_towers_cannot_share_rows(chunk_size: int | None) -> None:
    packed, _ = both_ways(8)
    towers = (encode, toy.encode_targets)
    compute = gradients.value_and_grad(towers, toy.loss)
    if chunk_size is not None:
        compute = gradients.cached_value_and_grad(towers, toy.loss, chunk_size=chunk_size)
    with pytest.raises(TypeError, match="two towers cannot share; give one encode"):
        compute(toy.make_params(), packed, None)
