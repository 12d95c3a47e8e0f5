import itertools
import os

import numpy as np
import pytest

from bscl_jax.shuffling import _nearest, _ranked
from bscl_jax.shuffling._nearest import as_queries, margins, nearest
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

    def spy(points, rows, **given):
        blocks.append(len(rows))
        return search(points, rows, **given)

    monkeypatch.setattr(_nearest, "_nearest_of_block", spy)
    nearest(make_points(LATTICE), np.arange(10), 3)
    assert sorted(blocks) == [1, 3, 3, 3]


def test_there_are_as_many_threads_as_processors_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5}, raising=False)
    assert _nearest.num_threads() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert _nearest.num_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)  # not known
    assert _nearest.num_threads() == 1


def test_on_ordinary_embeddings_no_distance_is_settled(monkeypatch):
    points = make_points(np.random.default_rng(0).standard_normal((500, 16)))
    monkeypatch.setattr(_ranked, "settled_distances", lambda *_: pytest.fail("it was"))
    nearest(points, np.arange(500), 20)


def turned_round(values, distances):
    """Returns by how much the values of each row, sorted by distance, fall behind a former one."""
    ranked = np.take_along_axis(values, np.argsort(distances, axis=1, kind="stable"), axis=1)
    return (np.maximum.accumulate(ranked, axis=1) - ranked).max(axis=1)


@pytest.mark.parametrize("name", SCENES)
def test_no_rounding_turns_round_what_is_a_margin_apart(name):
    points, rows = make_points(SCENES[name]), np.arange(100)
    n = len(points.values)
    distances = np.stack([settled_distances(points, np.full(n, row), np.arange(n)) for row in rows])
    in_single = as_queries(points, rows) @ points.single.T
    assert (turned_round(in_single, distances) <= margins(points, rows)).all()
    for row in rows.tolist():
        others = np.delete(np.arange(n), row)
        in_double = _ranked._values(_ranked.Products(points), row, 3, others)[None]
        backward = turned_round(in_double, np.delete(distances[row], row)[None])
        assert (backward <= _ranked._margin(points, row)).all()


def test_margins_are_narrow_beside_the_distances_of_ordinary_embeddings():
    points, rows = make_points(np.random.default_rng(0).standard_normal((500, 16))), np.arange(500)
    in_single = as_queries(points, rows) @ points.single.T
    assert (margins(points, rows) < 1e-4 * np.ptp(in_single, axis=1)).all()


@pytest.mark.parametrize("shift", [100.0, -1e4])
def test_where_the_embeddings_lie_costs_no_digits(shift):
    embeddings = np.random.default_rng(0).integers(-8, 9, (200, 5)) / 8
    here, there = make_points(embeddings), make_points(embeddings + shift)
    np.testing.assert_allclose(there.single, here.single, atol=1e-6)


@pytest.mark.parametrize("scale", [2.0**-60, 1.0, 2.0**60])
def test_the_largest_coordinate_is_brought_near_one(scale):
    points = make_points(scale * np.random.default_rng(0).standard_normal((200, 5)))
    assert 0.5 <= np.abs(points.single[:, :-1]).max() < 1
    np.testing.assert_allclose(points.single[:, -1], (points.single[:, :-1] ** 2).sum(1), rtol=1e-5)


def test_equal_rows_know_the_first_of_them():
    embeddings = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [0.0, 0.0], [2.0, 1.0], [-0.0, 0.0]])
    assert make_points(embeddings).firsts.tolist() == [0, 1, 0, 3, 1, 3]
