import inspect

import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _by_neighbor
from bscl_jax.shuffling._groups import grouped
from bscl_jax.shuffling._random import make_bits


def test_each_pair_is_grouped_by_one_of_its_neighbors_drawn_at_random(monkeypatch):
    monkeypatch.setattr(_by_neighbor, "ROWS_AT_ONCE", 7)
    embeddings = np.random.default_rng(0).standard_normal((60, 3))
    bits = make_bits(4)
    drawn = [int(bits.random_raw()) % 5 for _ in range(60)]
    distances = ((embeddings[:, None] - embeddings) ** 2).sum(axis=-1)
    nearest = np.argsort(distances, axis=1)[:, :5]
    expected = grouped(nearest[np.arange(60), drawn], 4, bits)
    order = shuffling.by_neighbor(embeddings, num_neighbors=5, group_size=4, seed=4)
    assert order.tolist() == expected.tolist()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_it_is_a_permutation_whatever_stands_beside_a_group_of_eight(n):
    embeddings = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
    order = shuffling.by_neighbor(embeddings, num_neighbors=20, group_size=8, seed=3)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_size": 0}, "group_size must be ≥ 1, got 0"),
        ({"num_neighbors": 0}, "num_neighbors must be ≥ 1, got 0"),
        ({"seed": -1}, "seed must be an integer ≥ 0"),
        ({"embeddings": np.zeros(5)}, r"embeddings must be a matrix .* \(5,\)"),
        ({"embeddings": np.array([[0.0], [np.nan]])}, "row 1 holds nan in column 0"),
    ],
)
def test_a_mistake_is_named_with_its_value(options, message):
    unchecked = inspect.unwrap(shuffling.by_neighbor)  # jaxtyping would speak first
    usual = {"embeddings": np.zeros((5, 2)), "num_neighbors": 3, "group_size": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        unchecked(**{**usual, **options})
