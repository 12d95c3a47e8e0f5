"""What no search of ordinary points shows of its candidates."""

import tracemalloc

import numpy as np
import pytest

from bscl_jax.shuffling import _candidates
from bscl_jax.shuffling._candidates import Candidates, _at_place


@pytest.mark.parametrize("most", [0, 3, 10, 100])
@pytest.mark.parametrize("place", [1, 5, 12])
def test_a_value_at_a_place_is_found_in_a_table_and_row_by_row(place, most, monkeypatch):
    monkeypatch.setattr(_candidates, "MOST_TOGETHER", most)
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal(size).astype(np.float32) for size in (0, 12, 40, 5, 11, 1)]
    found = _at_place(np.concatenate(rows), np.array([len(row) for row in rows]), place)
    expected = [np.sort(row)[place - 1] if len(row) >= place else np.inf for row in rows]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_one_row_in_a_crowd_does_not_widen_all():
    """A table of all rows would hold 512 × 80,000 values, 160 MiB."""
    values = np.random.default_rng(0).standard_normal((512, 2048)).astype(np.float32) ** 2 + 1
    values[7] = 0
    candidates = Candidates(500, np.full(512, 1e-3, np.float32), 200_000)
    tracemalloc.start()
    for start in range(0, 40 * 2048, 2048):
        candidates.add_block(values, np.arange(start, start + 2048))
        values = np.roll(values, 1, axis=1)
    candidates._settle()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.bincount(candidates._rows)[7] == 40 * 2048
    assert peak < 60 * 2**20
