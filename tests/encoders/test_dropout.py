import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.encoders._dropout import drop, make_row_keys
from bscl_jax.types import TokenBatch
from tests.encoders.conftest import TEXTS

ROUNDING = 1e-6
RATE = 0.25
NUM_VALUES = 40_000
SIX_SIGMA = 6 * (RATE * (1 - RATE) / NUM_VALUES) ** 0.5


@pytest.fixture(scope="module")
def thinned() -> jax.Array:
    values = jnp.ones((4, NUM_VALUES // 4))
    return drop(values, make_row_keys(jax.random.key(1), 4), 3, RATE)


def test_the_share_of_dropped_values_is_the_rate(thinned: jax.Array) -> None:
    assert abs(float((thinned == 0).mean()) - RATE) < SIX_SIGMA


def test_kept_values_are_scaled_so_that_the_mean_stays(thinned: jax.Array) -> None:
    np.testing.assert_allclose(np.unique(thinned), [0, 1 / (1 - RATE)], rtol=ROUNDING)


def test_masks_of_rows_are_independent(thinned: jax.Array) -> None:
    both = float(((thinned[0] == 0) & (thinned[1] == 0)).mean())
    assert abs(both - RATE**2) < 2 * SIX_SIGMA


def test_neighbouring_values_of_a_row_are_independent(thinned: jax.Array) -> None:
    dropped = np.asarray(thinned[0] == 0)
    assert abs((dropped[::2] & dropped[1::2]).mean() - RATE**2) < 2 * SIX_SIGMA


def test_each_site_has_masks_of_its_own(thinned: jax.Array) -> None:
    other = drop(jnp.ones_like(thinned), make_row_keys(jax.random.key(1), 4), 4, RATE)
    assert abs(float(((thinned == 0) & (other == 0)).mean()) - RATE**2) < 2 * SIX_SIGMA


def test_no_line_of_a_mask_is_special_and_no_mask_is_like_another() -> None:
    rows, heads, tokens, rate = 8, 4, 64, 0.1
    keys = make_row_keys(jax.random.key(0), rows)
    ones = jnp.ones((rows, heads, tokens, tokens))
    dropped, elsewhere = (np.asarray(drop(ones, keys, site, rate) == 0) for site in (1, 2))
    spread = (rate * (1 - rate)) ** 0.5
    assert np.abs(dropped.mean(axis=(2, 3)) - rate).max() < 4 * spread / tokens
    for axis in (2, 3):
        lines = (dropped.mean(axis=axis) - rate) / spread * tokens**0.5
        assert lines.std() == pytest.approx(1, abs=0.05)
    pairs = {
        "row": (dropped[0], dropped[1]),
        "head": (dropped[:, 0], dropped[:, 1]),
        "site": (dropped, elsewhere),
        "turned": (dropped, dropped.swapaxes(2, 3)),
        "next": (dropped[..., 1:], dropped[..., :-1]),
        "below": (dropped[:, :, 1:], dropped[:, :, :-1]),
    }
    for name, (first, second) in pairs.items():
        both = first & second
        if name == "turned":
            both = both[..., np.triu(np.ones((tokens, tokens), bool), 1)]
        assert abs(both.mean() - rate**2) < 6 * (rate**2 / both.size) ** 0.5, name


def test_an_odd_number_of_values_is_covered() -> None:
    assert drop(jnp.ones((2, 3, 5)), make_row_keys(jax.random.key(0), 2), 0, 0.5).shape == (2, 3, 5)


def test_no_key_means_no_dropout(small, batch: TokenBatch) -> None:
    _, params, apply = small
    np.testing.assert_array_equal(apply(params, batch), apply(params, batch))


def test_the_same_key_draws_the_same_masks_and_another_key_others(small, batch: TokenBatch) -> None:
    _, params, apply = small
    first = apply(params, batch, dropout_key=jax.random.key(0))
    np.testing.assert_array_equal(first, apply(params, batch, dropout_key=jax.random.key(0)))
    assert not np.allclose(first, apply(params, batch, dropout_key=jax.random.key(1)), atol=1e-3)
    assert not np.allclose(first, apply(params, batch), atol=1e-3)


def test_equal_texts_in_different_rows_get_different_masks(small, batch: TokenBatch) -> None:
    _, params, apply = small
    twice = TokenBatch(batch.ids[[0, 0, 1, 2]], batch.mask[[0, 0, 1, 2]])
    out = apply(params, twice, dropout_key=jax.random.key(0))
    assert not np.allclose(out[0], out[1], atol=1e-3)


def test_a_batch_cut_in_chunks_with_its_keys_draws_the_same_masks(small, batch: TokenBatch) -> None:
    _, params, apply = small
    whole = apply(params, batch, dropout_key=jax.random.key(5))
    keys = jax.vmap(lambda row: jax.random.fold_in(jax.random.key(5), row))(jnp.arange(len(TEXTS)))
    chunks = [
        apply(params, TokenBatch(batch.ids[rows], batch.mask[rows]), dropout_key=keys[rows])
        for rows in (slice(0, 2), slice(2, 4))
    ]
    np.testing.assert_allclose(np.concatenate(chunks), whole, atol=ROUNDING)


def test_a_raw_key_is_as_good_as_a_typed_one() -> None:
    typed, raw = make_row_keys(jax.random.key(2), 3), make_row_keys(jax.random.PRNGKey(2), 3)
    np.testing.assert_array_equal(jax.random.key_data(typed), jax.random.key_data(raw))
    many = make_row_keys(jax.random.key_data(typed), 3)
    np.testing.assert_array_equal(jax.random.key_data(typed), jax.random.key_data(many))


def test_a_wrong_number_of_keys_is_refused(small, batch: TokenBatch) -> None:
    encoder, params, _ = small
    with pytest.raises(ValueError, match="has 4 rows, the keys have shape"):
        encoder.apply(params, batch, dropout_key=jax.random.split(jax.random.key(0), 3))


def test_a_rate_given_to_load_replaces_both_rates_of_the_config(saved) -> None:
    config = encoders.load(saved, dropout=0.25)[0].checkpoint.config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.25, 0.25)


def test_a_rate_of_zero_drops_nothing() -> None:
    values, keys = jnp.ones((2, 50)), make_row_keys(jax.random.key(0), 2)
    np.testing.assert_array_equal(drop(values, keys, 0, 0.0), values)
