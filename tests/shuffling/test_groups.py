import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax import shuffling
from bscl_jax.shuffling._groups import grouped
from bscl_jax.shuffling._random import make_bits

ROWS = np.arange(8.0).reshape(4, 2)


def twin(shingles, group_size, bits):
    """Algorithm 2 read aloud."""
    keys = [int(bits.random_raw()) for _ in shingles]
    order = sorted(range(len(shingles)), key=lambda row: (shingles[row], keys[row]))
    ids, members = [], 0
    for place, row in enumerate(order):
        fresh = place == 0 or shingles[row] != shingles[order[place - 1]]
        members = 1 if fresh or members == group_size else members + 1
        ids.append(int(bits.random_raw()) if members == 1 else ids[-1])
    return [row for _, row in sorted(zip(ids, order, strict=True), key=lambda pair: pair[0])]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(1, 6), st.integers(0, 2**40))
def test_it_is_algorithm_2(shingles, group_size, seed):
    order = grouped(np.array(shingles, np.int64), group_size, make_bits(seed))
    assert order.tolist() == twin(shingles, group_size, make_bits(seed))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_it_is_a_permutation_whatever_stands_beside_a_group_of_eight(n):
    order = grouped(np.zeros(n, np.int64), 8, make_bits(0))
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_shingles_that_fit_a_group_stay_whole():
    shingles = np.repeat([0, 1, 2], [3, 2, 5])
    order = grouped(shingles, 3, make_bits(5))
    runs = "".join(str(shingle) for shingle in shingles[order])
    assert "000" in runs
    assert "11" in runs


def test_groups_stand_as_formed_or_the_whole_sequence_is_turned_round():
    shingles = np.array([2, 1, 2, 1, 0])
    forward = grouped(shingles, 2, make_bits(3), "forward")
    backward = grouped(shingles, 2, make_bits(3), "reversed")
    assert shingles[forward].tolist() == [0, 1, 1, 2, 2]
    assert backward.tolist() == forward[::-1].tolist()
    assert backward.base is None  # a view would hold on to the other


@pytest.mark.parametrize(
    ("shuffle", "given", "options"),
    [
        (shuffling.by_shingle, ["a"] * 4, {}),
        (shuffling.by_cluster, ROWS, {"num_clusters": 2}),
        (shuffling.by_neighbor, ROWS, {"num_neighbors": 2}),
        (shuffling.by_example, ROWS, {}),
    ],
)
def test_an_unknown_order_of_groups_is_refused_by_every_shuffle(shuffle, given, options):
    message = "group_order must be one of reversed, forward, mixed, got 'easy first'"
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(shuffle)(given, group_size=2, group_order="easy first", seed=0, **options)


@pytest.mark.parametrize(
    ("shuffle", "given", "options"),
    [
        (shuffling.by_shingle, ["a"] * 4, {"shingle_size": 1}),
        (shuffling.by_cluster, ROWS, {"num_clusters": 1}),
        (shuffling.by_neighbor, ROWS, {"num_neighbors": 1}),
        (shuffling.by_example, ROWS, {"num_neighbors": 1}),
    ],
)
def test_every_number_may_be_1(shuffle, given, options):
    assert sorted(shuffle(given, group_size=1, seed=0, **options).tolist()) == [0, 1, 2, 3]
