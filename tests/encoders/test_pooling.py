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


def test_an_unknown_pooling_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="mean, cls, max; was 'sum'"):
        pool(HIDDEN, MASK, "sum")
