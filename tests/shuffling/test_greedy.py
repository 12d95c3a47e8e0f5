"""What the pass over a million pairs rests on: it does no more than the groups need."""

import numpy as np
import pytest

from bscl_jax.shuffling import _greedy
from bscl_jax.shuffling._greedy import Rules, greedy

N, SIZE = 1000, 5


class Counted(np.ndarray):
    """Ids that remember how many of them were looked at."""

    looked_at = 0

    def __getitem__(self, key):
        found = super().__getitem__(key)
        type(self).looked_at += np.size(found)
        return found


@pytest.fixture
def asked():
    return []


@pytest.fixture
def run(asked):
    """Runs the pass on a ring, where the neighbors of a row are those that follow it."""

    def lists(rows, length=SIZE):
        asked.extend(rows.tolist())
        return (rows[:, None] + np.arange(length)) % N

    def passed(rows_at_once=10, ids=None, length=SIZE):
        return greedy(
            lambda rows: lists(rows, length),
            N,
            Rules(SIZE, ids, "rows"),
            rows_at_once=rows_at_once,
            group_order="forward",
            seed=None,
        )

    return passed


def test_no_list_is_asked_for_twice(run, asked):
    order = run()
    assert sorted(order.tolist()) == list(range(N))
    assert len(asked) == len(set(asked))


def test_rows_that_are_taken_before_their_block_ask_for_no_list(run, asked):
    run(rows_at_once=1)
    assert asked == list(range(0, N, SIZE))


def test_only_rows_that_open_a_group_are_worked_on(run, monkeypatch):
    opened = []
    members = _greedy._members
    monkeypatch.setattr(
        _greedy, "_members", lambda row, *given: opened.append(row) or members(row, *given)
    )
    run(rows_at_once=100)
    assert opened == list(range(0, N, SIZE))


def test_a_group_looks_no_further_down_a_list_than_it_must(run):
    ids = np.arange(N).view(Counted)
    run(rows_at_once=1, ids=ids, length=500)
    groups = N // SIZE
    assert Counted.looked_at <= groups * (1 + 4 * SIZE)
