"""Rows encoded in parts are encoded as they would be at once."""

import jax
import numpy as np
import pytest

from bscl_jax import gradients
from bscl_jax.gradients import _parts
from tests.gradients import toy
from tests.gradients.same import SAME_IN_FLOAT64, assert_same
from tests.gradients.test_packed import both_ways, encode


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """The rows of each call of the encoder."""
    monkeypatch.setattr(_parts, "FEWEST_TOKENS", 1)
    monkeypatch.setattr(_parts, "PART_TOKENS", 8)
    return []


def counted(calls: list[int]) -> gradients.Encode:
    def encode_and_count(params, tokens, dropout_key):
        calls.append(len(tokens.ids))
        return encode(params, tokens, dropout_key)

    return encode_and_count


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("extras", [0, 4])
def test_the_gradient_is_that_of_the_whole(calls, float64, extras, dropout):
    packed, _ = both_ways(8, extras)
    key, params = jax.random.key(3) if dropout else None, toy.make_params()
    whole = gradients.value_and_grad(encode, toy.loss_with_extras)
    parts = gradients.value_and_grad(gradients.in_parts(counted(calls)), toy.loss_with_extras)
    wanted, actual = (jax.jit(each)(params, packed, key) for each in (whole, parts))
    assert calls == [3, 3, 2]
    assert_same(actual, wanted, SAME_IN_FLOAT64)
    if dropout:
        without = jax.jit(whole)(params, packed, None)
        assert not np.allclose(without[0], actual[0])


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [(2, [1, 1]), (5, [3, 2]), (6, [2, 2, 2]), (8, [3, 3, 2]), (40, [14, 13, 13])],
)
def test_parts_are_of_like_size_and_as_many_as_the_tokens_ask_for(calls, float64, rows, wanted):
    tokens = toy.make_tokens(np.random.default_rng(0), rows, 4)
    parts = gradients.in_parts(counted(calls))(toy.make_params(), tokens, None)
    assert calls == wanted
    np.testing.assert_allclose(parts, encode(toy.make_params(), tokens, None), rtol=1e-6)


@pytest.mark.parametrize(("rows", "fewest"), [(1, 1), (6, 25)])
def test_few_tokens_and_single_rows_stay_together(calls, monkeypatch, rows, fewest):
    monkeypatch.setattr(_parts, "FEWEST_TOKENS", fewest)
    tokens = toy.make_tokens(np.random.default_rng(0), rows, 4)
    gradients.in_parts(counted(calls))(toy.make_params(), tokens, None)
    assert calls == [rows]
