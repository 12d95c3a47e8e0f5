"""The same neighbors from products of bfloat16."""

import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _nearest, _rounded
from bscl_jax.shuffling._candidates import Candidates
from bscl_jax.shuffling._nearest import margins, nearest
from bscl_jax.shuffling._points import make_points, settled_distances
from bscl_jax.shuffling._rounded import Rounded, pays
from tests.shuffling.test_nearest import SCENES, by_definition, turned_round

ORDINARY = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks, of which points do not fill the last."""
    monkeypatch.setattr(_rounded, "COLUMNS_AT_ONCE", 64)


def values_of(points, rows):
    """Returns the values of all points for some rows, in the order of the points."""
    n = len(points.values)
    values, numbers = map(np.hstack, zip(*Rounded(points).blocks(rows), strict=True))
    assert (values[:, n:] > 1e38).all()
    assert (numbers[n:] == _rounded.NOBODY).all()
    return values[:, np.argsort(numbers[:n])]


@pytest.mark.parametrize("count", [1, 2, 7, 50])
@pytest.mark.parametrize("name", [*SCENES])
def test_the_nearest_are_those_of_the_settled_distances(name, count):
    points, rows = make_points(SCENES[name]), np.arange(0, 120, 3)
    expected = by_definition(points, rows, count)
    np.testing.assert_array_equal(nearest(points, rows, count, Rounded(points)), expected)


@pytest.mark.parametrize("name", SCENES)
def test_no_rounding_turns_round_what_is_a_margin_apart(name):
    points, rows = make_points(SCENES[name]), np.arange(100)
    n = len(points.values)
    distances = np.stack([settled_distances(points, np.full(n, row), np.arange(n)) for row in rows])
    backward = turned_round(values_of(points, rows), distances)
    assert (backward <= margins(points, rows) + Rounded(points).margins(rows)).all()


def test_it_turns_round_what_is_less_apart():
    points, rows = make_points(ORDINARY), np.arange(500)
    distances = np.stack([settled_distances(points, np.full(500, row), rows) for row in rows])
    backward = turned_round(values_of(points, rows), distances)
    assert (backward > margins(points, rows)).all()
    assert (Rounded(points).margins(rows) < 0.05 * np.sqrt(distances.max())).all()


def test_points_come_in_random_order_and_each_once():
    blocks = [numbers for _, numbers in Rounded(make_points(ORDINARY)).blocks(np.arange(3))]
    assert [len(numbers) for numbers in blocks] == [64] * 8
    order = np.concatenate(blocks)[:500]
    np.testing.assert_array_equal(np.sort(order), np.arange(500))
    shares = [(numbers[numbers >= 0] < 250).mean() for numbers in blocks]
    assert min(shares) > 0.2
    assert max(shares) < 0.8


def test_bounds_from_a_sample_leave_fewer_candidates_and_the_same_neighbors():
    values = np.random.default_rng(0).permuted(np.tile(np.arange(4096.0), (6, 1)), axis=1)
    values = values.astype(np.float32)
    found, thresholds = [], []
    for num_points in (4096, None):
        candidates = Candidates(200, np.full(6, 0.5, np.float32), num_points)
        candidates.add_block(values[:, :512], np.arange(512))
        thresholds.append(candidates.thresholds)
        for start in range(512, 4096, 512):
            candidates.add_block(values[:, start : start + 512], np.arange(start, start + 512))
        lists, sure = candidates.nearest(lambda rows, columns: np.lexsort((columns, rows)))
        assert sure.all()
        found.append(lists)
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(np.take_along_axis(values, found[0], axis=1).max(axis=1), 199)
    assert (thresholds[0] > 199).all()
    assert (thresholds[0] < 0.5 * thresholds[1]).all()


def test_rows_that_a_sample_misled_are_told_and_left_out():
    values = np.tile(np.arange(4096, dtype=np.float32), (2, 1))
    values[1] = np.random.default_rng(0).permutation(values[1])
    candidates = Candidates(200, np.full(2, 0.5, np.float32), 4096)
    for start in range(0, 4096, 512):
        candidates.add_block(values[:, start : start + 512], np.arange(start, start + 512))
    lists, sure = candidates.nearest(lambda rows, columns: np.lexsort((columns, rows)))
    assert sure.tolist() == [False, True]
    assert lists.shape == (1, 200)
    assert set(values[1, lists[0]]) == set(range(200))


def test_a_sample_that_misleads_costs_time_alone(monkeypatch):
    """All neighbors of the first rows are in the first block, all of the others in none."""
    monkeypatch.setattr(_rounded, "random", lambda n, seed: np.arange(n))
    embeddings = ORDINARY.copy()
    embeddings[64:] += 100
    points, rows, again = make_points(embeddings), np.arange(0, 500, 30), []
    search = _nearest._nearest_of_block

    def spy(points, rows, count, rounded):
        again.append((rows.tolist(), rounded is None))
        return search(points, rows, count, rounded)

    monkeypatch.setattr(_nearest, "_nearest_of_block", spy)
    found = _nearest.nearest(points, rows, 50, Rounded(points))
    np.testing.assert_array_equal(found, by_definition(points, rows, 50))
    assert ([0, 30, 60], True) in again


def test_rows_are_padded_to_few_shapes():
    points = make_points(ORDINARY)
    for m in (1, 63, 65, 500):
        assert values_of(points, np.arange(m)).shape == (m, 500)
    compiled = _rounded._multiply()._cache_size()
    values_of(points, np.arange(62))
    values_of(points, np.arange(400))
    assert _rounded._multiply()._cache_size() == compiled


def test_it_pays_where_there_are_instructions_and_many_points_and_few_neighbors(monkeypatch):
    monkeypatch.setattr(_rounded, "FEWEST_POINTS", 500)
    points = make_points(ORDINARY)
    monkeypatch.setattr(_rounded, "_has_instructions", lambda: True)
    assert pays(points, 3)  # one in 160 of 500
    assert not pays(points, 4)
    assert not pays(make_points(ORDINARY[:499]), 3)
    monkeypatch.setattr(_rounded, "_has_instructions", lambda: False)
    assert not pays(points, 3)


@pytest.mark.parametrize("flags", ["fma avx512_bf16 sse2", "amx_bf16", "avx512f", None])
def test_the_processor_says_what_it_has(flags, monkeypatch, tmp_path):
    monkeypatch.setattr(_rounded, "Path", lambda _: tmp_path / "cpuinfo")
    if flags:
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert _rounded._has_instructions.__wrapped__() == (flags is not None and "bf16" in flags)


@pytest.mark.parametrize("shuffle", [shuffling.by_example, shuffling.by_neighbor])
def test_orders_are_the_same_bytes(shuffle, monkeypatch):
    monkeypatch.setattr(_rounded, "FEWEST_POINTS", 1)
    monkeypatch.setattr(_rounded, "LARGEST_SHARE", 1 / 25)
    orders = []
    for has in (True, False):
        monkeypatch.setattr(_rounded, "_has_instructions", lambda has=has: has)
        options = {"group_size": 4, "num_neighbors": 20, "search": "host"}
        orders.append(shuffle(ORDINARY, seed=1, **options))
    np.testing.assert_array_equal(*orders)
