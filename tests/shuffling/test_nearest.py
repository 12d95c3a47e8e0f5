import itertools

import numpy as np
import pytest

from bscl_jax.shuffling import _nearest, _ranked
from bscl_jax.shuffling._nearest import nearest
from bscl_jax.shuffling._points import make_points, settled_distances

LATTICE = 0.1 * np.array(list(itertools.product(range(5), repeat=3)))
SCENES = {
    "gaps below rounding": LATTICE,
    "far from the origin": 1e6 + 1e-4 * LATTICE,
    "equal rows": np.repeat(LATTICE[:30], 4, axis=0)[::-1],
    "float32": np.random.default_rng(0).standard_normal((120, 7)).astype(np.float32),
    "float16": np.random.default_rng(0).standard_normal((120, 2)).astype(np.float16),
}


def by_definition(points, rows, count):
    """Ranks all points by settled distance and index, the asking one first."""
    n, found = len(points.values), []
    for row in rows.tolist():
        distances = settled_distances(points, np.full(n, row), np.arange(n))
        distances[row] = -1
        found.append(np.lexsort((np.arange(n), distances))[:count])
    return np.array(found)


@pytest.mark.parametrize("count", [1, 2, 7, 50])
@pytest.mark.parametrize("name", SCENES)
def test_the_nearest_are_those_of_the_settled_distances(name, count):
    points, rows = make_points(SCENES[name]), np.arange(0, 120, 3)
    expected = by_definition(points, rows, count)
    np.testing.assert_array_equal(nearest(points, rows, count), expected)


def test_few_rows_are_shared_out_among_all_threads(monkeypatch):
    blocks = []
    monkeypatch.setattr(_nearest, "num_threads", lambda: 4)
    search = _nearest._nearest_of_block

    def spy(points, rows, count):
        blocks.append(len(rows))
        return search(points, rows, count)

    monkeypatch.setattr(_nearest, "_nearest_of_block", spy)
    nearest(make_points(LATTICE), np.arange(10), 3)
    assert sorted(blocks) == [1, 3, 3, 3]


def test_on_ordinary_embeddings_no_distance_is_settled(monkeypatch):
    points = make_points(np.random.default_rng(0).standard_normal((500, 16)))
    monkeypatch.setattr(_ranked, "settled_distances", lambda *_: pytest.fail("it was"))
    nearest(points, np.arange(500), 20)
