"""Several texts in a row: each comes out as if it stood alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.encoders.pooling import POOLINGS
from bscl_jax.types import TokenBatch
from tests.encoders.families import HEADS, write_folder

LENGTHS = np.array([[4, 7, 3], [9, 2, 0], [13, 0, 0]], np.int32)
"""Tokens of the texts of three rows of 14 to 16."""

ROW = 16
ROUNDING = 2e-6


def make_texts(size: int) -> tuple[TokenBatch, TokenBatch]:
    """The same six texts packed, and alone; a padding id stands within one of them."""
    random = np.random.default_rng(0)
    texts = [random.integers(0, size, length) for length in LENGTHS[LENGTHS > 0]]
    texts[1][2] = 1
    mask = np.arange(ROW) < LENGTHS.sum(axis=1)[:, None]
    packed = np.full(mask.shape, 1, np.int32)
    packed[mask] = np.concatenate(texts)
    alone = np.full((len(texts), ROW), 1, np.int32)
    for row, text in zip(alone, texts, strict=True):
        row[: len(text)] = text
    lengths = np.array([len(text) for text in texts])
    return TokenBatch(packed, mask, LENGTHS), TokenBatch(alone, np.arange(ROW) < lengths[:, None])


@pytest.mark.parametrize("name", HEADS)
def test_texts_that_share_a_row_know_nothing_of_one_another(name: str, tmp_path) -> None:
    pooling = tuple(POOLINGS)
    encoder, params = encoders.load(write_folder(tmp_path / name, name), pooling=pooling)
    packed, alone = make_texts(encoder.tokenizer.get_vocab_size())

    @jax.jit
    def value_and_grad(params):
        def total(params, tokens, there):
            embeddings = encoder.apply(params, tokens)[there]
            return jnp.sin(embeddings).sum(), embeddings

        gradient = jax.value_and_grad(total, has_aux=True)
        every = slice(None)
        return gradient(params, packed, LENGTHS > 0), gradient(params, alone, every)

    ((_, together), grads), ((_, apart), expected) = value_and_grad(params)
    np.testing.assert_allclose(together, apart, atol=ROUNDING)
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, atol=20 * ROUNDING * max(1, abs(e).max())),
        grads,
        expected,
    )


@pytest.mark.parametrize("name", HEADS)
def test_rows_of_one_text_each_are_padded_texts(name: str, tmp_path) -> None:
    encoder, params = encoders.load(write_folder(tmp_path / name, name))
    _, alone = make_texts(encoder.tokenizer.get_vocab_size())
    tokens = TokenBatch(alone.ids, alone.mask, alone.mask.sum(axis=1, keepdims=True))
    empty = TokenBatch(*(leaf[:1] * 0 for leaf in tokens))
    tokens = TokenBatch(*(np.concatenate(leaves) for leaves in zip(tokens, empty, strict=True)))
    apply = jax.jit(lambda tokens: encoder.apply(params, tokens))
    found = apply(tokens)
    np.testing.assert_allclose(found[:-1, 0], apply(alone), atol=ROUNDING)
    assert np.isfinite(found).all()


def test_a_prompt_is_left_out_of_each_text_of_a_row() -> None:
    encoder, params = encoders.random(["how to renew a book"], seed=0, num_layers=1)
    packed, alone = make_texts(6)
    apply = jax.jit(lambda tokens, length: encoder.apply(params, tokens, prompt_length=length))
    together = apply(packed, 2)
    np.testing.assert_allclose(together[LENGTHS > 0], apply(alone, 2), atol=ROUNDING)
    assert abs(together - apply(packed, 0)).max() > 0.01
    assert np.isfinite(together).all()


def test_a_place_without_a_text_is_finite_and_has_no_gradient() -> None:
    encoder, params = encoders.random(["how to renew a book"], seed=0, num_layers=1)
    packed, _ = make_texts(6)
    empty = TokenBatch(packed.ids, packed.mask & False, packed.lengths * 0)

    def total(params, tokens):
        return jnp.where(tokens.lengths[..., None] > 0, encoder.apply(params, tokens), 0).sum()

    value, grads = jax.jit(jax.value_and_grad(total))(params, empty)
    assert value == 0
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(grads))


def test_dropout_of_a_row_is_drawn_from_its_key() -> None:
    encoder, params = encoders.random(["how to renew a book"], seed=0, num_layers=1)
    packed, _ = make_texts(6)
    keys = jax.random.split(jax.random.key(3), 3)
    apply = jax.jit(lambda tokens, keys: encoder.apply(params, tokens, dropout_key=keys))
    whole = apply(packed, keys)
    part = apply(TokenBatch(*(leaf[1:] for leaf in packed)), keys[1:])
    np.testing.assert_allclose(whole[1:], part, atol=ROUNDING)
    assert abs(whole - apply(packed, keys[::-1])).max() > 0.01
