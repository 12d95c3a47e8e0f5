import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax.encoders.pooling import POOLINGS, pool

HIDDEN = jnp.array(
    [[[1.0, -8.0], [3.0, -4.0], [np.inf, 99.0]], [[5.0, 6.0], [7.0, 0.0], [0.0, 3.0]]]
)
MASK = jnp.array([[True, True, False], [True, True, True]])


def test_mean_takes_real_tokens_only() -> None:
    np.testing.assert_allclose(pool(HIDDEN, MASK, "mean"), [[2, -6], [4, 3]], rtol=1e-6)


def test_max_takes_real_tokens_only_even_where_they_are_negative() -> None:
    np.testing.assert_array_equal(pool(HIDDEN, MASK, "max"), [[3, -4], [7, 6]])


def test_cls_is_the_first_token() -> None:
    np.testing.assert_array_equal(pool(HIDDEN, MASK, "cls"), [[1, -8], [5, 6]])


def test_cls_of_a_text_padded_on_the_left_is_its_first_real_token() -> None:
    mask = jnp.array([[False, True, True], [True, True, True]])
    np.testing.assert_array_equal(pool(HIDDEN, mask, "cls"), [[3, -4], [5, 6]])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_of_bfloat16_is_float32(pooling: str) -> None:
    assert pool(HIDDEN.astype(jnp.bfloat16), MASK, pooling).dtype == jnp.float32


def test_mean_sqrt_len_tokens_divides_by_the_root_of_the_number_of_tokens() -> None:
    wanted = np.array([[4, -12], [12, 9]]) / np.sqrt([[2], [3]])
    np.testing.assert_allclose(pool(HIDDEN, MASK, "mean_sqrt_len_tokens"), wanted, rtol=1e-6)


def test_weightedmean_weighs_a_token_by_its_position() -> None:
    wanted = [[(1 + 6) / 3, (-8 - 8) / 3], [(5 + 14) / 6, (6 + 9) / 6]]
    np.testing.assert_allclose(pool(HIDDEN, MASK, "weightedmean"), wanted, rtol=1e-6)


def test_lasttoken_is_the_last_real_token() -> None:
    np.testing.assert_array_equal(pool(HIDDEN, MASK, "lasttoken"), [[3, -4], [0, 3]])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_side_of_the_padding_does_not_matter(pooling: str) -> None:
    left = HIDDEN.at[0].set(HIDDEN[0, jnp.array([2, 0, 1])])
    mask = jnp.array([[False, True, True], [True, True, True]])
    np.testing.assert_array_equal(pool(left, mask, pooling), pool(HIDDEN, MASK, pooling))


def test_several_ways_are_concatenated_in_the_order_given() -> None:
    both = pool(HIDDEN, MASK, ("max", "cls"))
    wanted = np.concatenate([pool(HIDDEN, MASK, "max"), pool(HIDDEN, MASK, "cls")], axis=1)
    np.testing.assert_array_equal(both, wanted)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_tokens_of_a_prompt_are_left_out(pooling: str) -> None:
    found = pool(HIDDEN, MASK, pooling, prompt_length=1)[1]
    # Positions, and with them the weights of a weighted mean, still count the prompt.
    wanted = {
        "weightedmean": (2 * HIDDEN[1, 1] + 3 * HIDDEN[1, 2]) / 5,
    }.get(pooling, pool(HIDDEN[1:, 1:], MASK[1:, 1:], pooling)[0])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_last_token_is_pooled_even_where_the_prompt_is_longer(pooling: str) -> None:
    found = pool(HIDDEN, MASK, pooling, prompt_length=9)
    np.testing.assert_allclose(found, [[3, -4], [0, 3]], rtol=1e-6)


@pytest.mark.parametrize("pooling", ["sum", ("mean", "sum")])
def test_an_unknown_pooling_is_refused_with_the_known_ones(pooling) -> None:
    with pytest.raises(ValueError, match=r"mean, cls, max, .*, or several; was 'sum'"):
        pool(HIDDEN, MASK, pooling)
