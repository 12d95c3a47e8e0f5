"""The same neighbors from products of bfloat16."""

import numpy as np
import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _rounded
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
    """Returns the values of all points for some rows, and the floors."""
    _, values, floors = zip(*Rounded(points).blocks(rows), strict=True)
    return np.concatenate(values, axis=1), np.concatenate(floors, axis=1)


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
    values, _ = values_of(points, rows)
    backward = turned_round(values[:, :n], distances)
    assert (backward <= margins(points, rows) + Rounded(points).margins(rows)).all()


def test_it_turns_round_what_is_less_apart():
    points, rows = make_points(ORDINARY), np.arange(500)
    distances = np.stack([settled_distances(points, np.full(500, row), rows) for row in rows])
    backward = turned_round(values_of(points, rows)[0][:, :500], distances)
    assert (backward > margins(points, rows)).all()
    assert (Rounded(points).margins(rows) < 0.05 * np.sqrt(distances.max())).all()


def test_floors_are_the_least_of_their_values_and_what_is_added_up_is_far_away():
    points = make_points(ORDINARY)
    values, floors = values_of(points, np.arange(10))
    assert values.shape == (10, 512)
    np.testing.assert_array_equal(values.reshape(10, 16, 32).min(axis=2), floors)
    assert (values[:, 500:] > 1e38).all()


def test_candidates_by_floors_are_those_by_all_values():
    values = np.random.default_rng(0).standard_normal((6, 128)).astype(np.float32)
    floors = values.reshape(6, 4, 32).min(axis=2)
    found = []
    for given in (floors, None):
        candidates = Candidates(5, np.full(6, 0.1, np.float32))
        for start in (0, 128):
            candidates.add_block(
                values - start / 256, start, given if given is None else given - start / 256
            )
        candidates._settle()
        found.append((candidates._rows, candidates._columns, candidates._values))
    for mine, other in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_rows_are_padded_to_few_shapes():
    points = make_points(ORDINARY)
    for m in (1, 63, 65, 500):
        values, _ = values_of(points, np.arange(m))
        assert len(values) == m
    compiled = _rounded._computation()._cache_size()
    values_of(points, np.arange(62))
    values_of(points, np.arange(400))
    assert _rounded._computation()._cache_size() == compiled


def test_it_pays_where_there_are_instructions_and_many_points_and_few_neighbors(monkeypatch):
    monkeypatch.setattr(_rounded, "FEWEST_POINTS", 500)
    points = make_points(ORDINARY)
    monkeypatch.setattr(_rounded, "_has_instructions", lambda: True)
    assert pays(points, 128)
    assert not pays(points, 129)
    assert not pays(make_points(ORDINARY[:499]), 10)
    monkeypatch.setattr(_rounded, "_has_instructions", lambda: False)
    assert not pays(points, 10)


@pytest.mark.parametrize("flags", ["fma avx512_bf16 sse2", "amx_bf16", "avx512f", None])
def test_the_processor_says_what_it_has(flags, monkeypatch, tmp_path):
    monkeypatch.setattr(_rounded, "Path", lambda _: tmp_path / "cpuinfo")
    if flags:
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert _rounded._has_instructions.__wrapped__() == (flags is not None and "bf16" in flags)


@pytest.mark.parametrize("shuffle", [shuffling.by_example, shuffling.by_neighbor])
def test_orders_are_the_same_bytes(shuffle, monkeypatch):
    monkeypatch.setattr(_rounded, "FEWEST_POINTS", 1)
    orders = []
    for has in (True, False):
        monkeypatch.setattr(_rounded, "_has_instructions", lambda has=has: has)
        options = {"group_size": 4, "num_neighbors": 20, "search": "host"}
        orders.append(shuffle(ORDINARY, seed=1, **options))
    np.testing.assert_array_equal(*orders)
