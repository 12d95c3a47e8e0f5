import inspect

import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling._random import make_bits


def test_the_same_seed_gives_these_very_numbers_for_ever():
    assert shuffling.random(8, seed=(7, 3)).tolist() == [7, 1, 6, 0, 4, 2, 3, 5]


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_it_is_a_permutation(n):
    order = shuffling.random(n, seed=0)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_every_place_is_about_equally_likely():
    orders = np.stack([shuffling.random(4, seed=seed) for seed in range(2000)])
    counts = np.stack([np.bincount(orders[:, place], minlength=4) for place in range(4)])
    six_deviations = 6 * np.sqrt(2000 * 0.25 * 0.75)
    assert np.abs(counts - 500).max() < six_deviations


def test_another_seed_gives_another_order():
    orders = {tuple(shuffling.random(20, seed=seed)) for seed in [0, 1, (0, 1), (1, 1), 2**70]}
    assert len(orders) == 5


@pytest.mark.parametrize("seed", [-1, (0, -3), (), None, 1.5, (0, 1.5), "7", np.array(1.0)])
def test_a_bad_seed_is_refused_with_the_value(seed):
    with pytest.raises(ValueError, match=r"seed must be an integer ≥ 0 .* got .*; use"):
        inspect.unwrap(make_bits)(seed)


@pytest.mark.parametrize("seed", [(np.uint64(2**63), 1), [2**63, np.int8(1)]])
def test_integers_of_any_type_are_the_seed_that_they_count(seed):
    found, expected = (inspect.unwrap(make_bits)(each) for each in (seed, (2**63, 1)))
    assert found.random_raw(9).tolist() == expected.random_raw(9).tolist()


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="n must be ≥ 0, got -1"):
        inspect.unwrap(shuffling.random)(-1, seed=0)
