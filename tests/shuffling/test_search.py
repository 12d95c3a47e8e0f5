from importlib.util import find_spec

import jax
import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _in_index, _on_mesh, _search
from bscl_jax.shuffling._nearest import nearest
from bscl_jax.shuffling._points import make_points
from bscl_jax.shuffling._search import make_search
from tests.shuffling.test_nearest import SCENES, by_definition

NEEDS_FAISS = pytest.mark.skipif(find_spec("faiss") is None, reason="faiss-cpu is not installed")
RECALL = 0.95

ORDINARY = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)
CLUSTERED = np.repeat(np.eye(64), 64, axis=0) + 0.05 * np.random.default_rng(1).standard_normal(
    (4096, 64)
)


@pytest.fixture
def small_blocks(monkeypatch):
    """Several blocks a device, and rows that do not fill the last."""
    monkeypatch.setattr(_on_mesh, "COLUMNS_AT_ONCE", 7)
    monkeypatch.setattr(_on_mesh, "ROWS_AT_ONCE", 50)


@pytest.mark.parametrize("name", SCENES)
def test_eight_devices_find_what_the_host_finds(name, small_blocks):
    assert jax.device_count() == 8
    points, rows = make_points(SCENES[name]), np.arange(0, 120, 2)
    expected = nearest(points, rows, 5)
    np.testing.assert_array_equal(make_search(points, 5, "mesh")(rows), expected)


@pytest.mark.parametrize("num_devices", [1, 3])
def test_the_number_of_devices_does_not_show(num_devices, small_blocks, monkeypatch):
    devices = jax.local_devices()[:num_devices]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    points, rows = make_points(ORDINARY[:100]), np.arange(100)
    np.testing.assert_array_equal(make_search(points, 9, "mesh")(rows), nearest(points, rows, 9))


@pytest.mark.parametrize("search", ["host", "mesh"])
@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("seed", range(5))
def test_equal_points_have_the_lists_that_each_would_have_alone(seed, count, search):
    generator = np.random.default_rng(seed)
    grid = generator.integers(-1, 2, (40, 1 + seed % 3)).astype(np.float32)
    points = make_points(grid * generator.choice([-1.0, 1.0], grid.shape).astype(np.float32))
    for rows in (np.arange(40), generator.permutation(40)[:15], np.array([], int)):
        expected = by_definition(points, rows, count).reshape(len(rows), count)
        np.testing.assert_array_equal(make_search(points, count, search)(rows), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_neighbors_of_equal_points_are_searched_once(dtype, monkeypatch):
    asked = []
    monkeypatch.setattr(
        _search, "nearest", lambda *given, **options: asked.append(given[1]) or nearest(*given, 3)
    )
    make_search(make_points(np.array([[5], [2], [5], [2]], dtype)), 3, "host")(np.array([3, 2, 1]))
    assert [rows.tolist() for rows in asked] == [[0, 1]]


@pytest.mark.parametrize("tiny", [1e-170, np.finfo(np.float32).smallest_subnormal])
def test_points_whose_distance_underflows_are_ranked_among_the_equal(tiny):
    points, rows = make_points(np.array([[tiny], [0.0], [0.0], [tiny]])), np.arange(4)
    for each in (points, make_points(points.values.astype(np.float32))):
        found = make_search(each, 4, "host")(rows)
        np.testing.assert_array_equal(found, by_definition(each, rows, 4))


def test_the_devices_find_ordinary_neighbors_without_the_host(small_blocks, monkeypatch):
    asked = []
    monkeypatch.setattr(_on_mesh, "nearest", lambda _, rows, k: asked.extend(rows) or rows[:, None])
    make_search(make_points(ORDINARY), 3, "mesh")(np.arange(500))
    assert asked == []


def test_the_devices_hold_the_points_and_less_than_a_block_each_besides(small_blocks, monkeypatch):
    held, put = [], jax.device_put
    monkeypatch.setattr(jax, "device_put", lambda x, *given: held.append(len(x)) or put(x, *given))
    make_search(make_points(ORDINARY[:100]), 3, "mesh")
    assert 100 <= held[0] < 100 + 8 * 7


def test_more_points_at_one_place_than_a_device_can_keep_are_searched_on_the_host(monkeypatch):
    monkeypatch.setattr(_on_mesh, "SPARE", 1)
    scale = np.repeat([1e-9, 1.0], 100)  # float32 cannot tell the first hundred apart
    points, rows = make_points(scale[:, None] * ORDINARY[:200, :3]), np.arange(200)
    np.testing.assert_array_equal(make_search(points, 4, "mesh")(rows), nearest(points, rows, 4))


@pytest.mark.parametrize("n", [0, 1, 9])
def test_orders_by_the_mesh_are_those_by_the_host(n):
    for shuffle, options in (
        (shuffling.by_example, {"group_size": 4}),
        (shuffling.by_neighbor, {"group_size": 4, "num_neighbors": 3}),
    ):
        by_host = shuffle(ORDINARY[:n], search="host", seed=2, **options)
        by_mesh = shuffle(ORDINARY[:n], search="mesh", seed=2, **options)
        assert by_host.tobytes() == by_mesh.tobytes()


@pytest.mark.parametrize(("backend", "on_mesh"), [("cpu", False), ("gpu", True)])
def test_auto_searches_on_the_devices_where_they_are_accelerators(backend, on_mesh, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    made = []
    monkeypatch.setattr(_search, "make_mesh_search", lambda *given: made.append(given) or nearest)
    make_search(make_points(ORDINARY), 3, "auto")
    assert bool(made) == on_mesh


def test_an_unknown_search_is_refused():
    with pytest.raises(ValueError, match="search must be one of auto, host, mesh, faiss, got 'gpu"):
        shuffling.check_search("gpu")


def test_faiss_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(_search, "find_spec", lambda _: None)
    for shuffle in (shuffling.by_example, shuffling.by_neighbor):
        with pytest.raises(ValueError, match=r'pip install "bscl_jax\[faiss\]"'):
            shuffle(ORDINARY, num_neighbors=3, group_size=2, search="faiss", seed=0)


@NEEDS_FAISS
def test_faiss_finds_most_neighbors_and_orders_them_exactly():
    points, rows = make_points(CLUSTERED), np.arange(0, 4096, 8)
    expected = nearest(points, rows, 10)
    found = make_search(points, 10, "faiss")(rows)
    assert (found[:, 0] == rows).all()
    whole = (found == expected).all(axis=1)
    assert whole.mean() >= RECALL


@NEEDS_FAISS
@pytest.mark.parametrize("n", [0, 1, 9, 700])
def test_orders_by_faiss_are_repeatable_permutations(n):
    orders = [
        shuffling.by_example(CLUSTERED[:n], group_size=4, num_neighbors=20, search="faiss", seed=1)
        for _ in range(2)
    ]
    assert sorted(orders[0].tolist()) == list(range(n))
    assert orders[0].tobytes() == orders[1].tobytes()


@NEEDS_FAISS
def test_a_list_that_falls_short_repeats_its_row(monkeypatch):
    embeddings = np.repeat(np.eye(3), 64, axis=0)  # a cell each, of which one is looked into
    points = make_points(embeddings + 1e-3 * np.random.default_rng(0).standard_normal((192, 3)))
    for name, value in {"LEAST_CELLS": 1, "REACH": 0}.items():
        monkeypatch.setattr(_in_index, name, value)
    lists = make_search(points, 100, "faiss")(np.array([5, 70]))
    assert (lists[:, 64:] == [[5], [70]]).all()
    assert [sorted(found) for found in lists[:, :64].tolist()] == [
        list(range(64)),
        list(range(64, 128)),
    ]
