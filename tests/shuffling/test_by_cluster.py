import inspect
from fractions import Fraction

import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _by_cluster
from bscl_jax.shuffling._by_cluster import _clusters, _on_grid
from bscl_jax.shuffling._random import make_bits


def twin(rows, num_clusters, bits):
    """Lloyd's algorithm in plain Python, exact."""
    keys = [int(bits.random_raw()) for _ in rows]
    starts = sorted(range(len(rows)), key=lambda row: keys[row])[:num_clusters]
    centers = [list(rows[row]) for row in starts]
    labels = None
    for _ in range(25):
        distances = [
            [sum((x - y) ** 2 for x, y in zip(row, center, strict=True)) for center in centers]
            for row in rows
        ]
        before, labels = labels, [each.index(min(each)) for each in distances]
        if before == labels:
            break
        for cluster in range(len(centers)):
            members = [row for row, label in zip(rows, labels, strict=True) if label == cluster]
            if members:
                sums = [sum(column) for column in zip(*members, strict=True)]
                centers[cluster] = [round(Fraction(total, len(members))) for total in sums]
    return labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_clusters", [1, 4, 11, 60])
def test_the_clusters_are_those_of_exact_k_means(seed, num_clusters, monkeypatch):
    monkeypatch.setattr(_by_cluster, "PRODUCTS_AT_ONCE", 30)
    rows = np.random.default_rng(seed).integers(-4, 5, (40, 2))  # with ties and equal rows
    found = _clusters(rows.astype(float), num_clusters, make_bits(seed))
    assert found.tolist() == twin(rows.tolist(), num_clusters, make_bits(seed))


def test_there_are_25_rounds_and_no_more():
    rows = np.arange(300)[:, None]  # on a line the borders of the clusters move for long
    found = _clusters(rows.astype(float), 6, make_bits(0))
    assert found.tolist() == twin(rows.tolist(), 6, make_bits(0))


@pytest.mark.parametrize("d", [1, 2, 3, 6, 384, 1024, 1025])
@pytest.mark.parametrize("scale", [2.0**-30, 1 - 2.0**-53, 3e9])
@pytest.mark.parametrize("signs", [(-1, 1), (-1, 0)])
def test_every_distance_on_the_grid_is_an_exact_float64(d, scale, signs):
    embeddings = scale * np.random.default_rng(d).uniform(*signs, (3, d))
    embeddings[0, 0] = -scale
    values = _on_grid(embeddings)
    largest = int(np.abs(values).max())
    assert np.array_equal(values, np.rint(values))
    assert d * 4 * largest**2 <= 2**53
    assert largest >= 2**19


def test_the_order_of_the_columns_and_so_of_the_sums_does_not_matter():
    embeddings = 0.1 * np.random.default_rng(0).integers(0, 4, (300, 50))
    columns = np.random.default_rng(1).permutation(50)
    usual = shuffling.by_cluster(embeddings, num_clusters=9, group_size=4, seed=0)
    moved = shuffling.by_cluster(embeddings[:, columns], num_clusters=9, group_size=4, seed=0)
    assert usual.tolist() == moved.tolist()


def test_pairs_of_one_cluster_share_a_group():
    centers = np.repeat(np.eye(2), 8, axis=0)
    order = shuffling.by_cluster(centers, num_clusters=16, group_size=4, seed=0)
    for group in centers[order].reshape(4, 4, 2):
        np.testing.assert_array_equal(group, np.broadcast_to(group[0], group.shape))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_it_is_a_permutation_whatever_stands_beside_a_group_of_eight(n):
    embeddings = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
    order = shuffling.by_cluster(embeddings, num_clusters=20, group_size=8, seed=3)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_size": 0}, "group_size must be ≥ 1, got 0"),
        ({"num_clusters": 0}, "num_clusters must be ≥ 1, got 0"),
        ({"seed": -1}, "seed must be an integer ≥ 0"),
        ({"embeddings": np.zeros((5, 0))}, r"embeddings must be a matrix .* \(5, 0\)"),
        ({"embeddings": np.array([[0.0], [np.inf]])}, "row 1 holds inf in column 0"),
    ],
)
def test_a_mistake_is_named_with_its_value(options, message):
    unchecked = inspect.unwrap(shuffling.by_cluster)  # jaxtyping would speak first
    usual = {"embeddings": np.zeros((5, 2)), "num_clusters": 3, "group_size": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        unchecked(**{**usual, **options})
