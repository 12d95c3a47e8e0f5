"""What is known to belong to a query, against a brute-force reading of the pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bscl_jax.data import (
    content_ids,
    known_couples,
    make_pair_batch,
    normalize_text,
    tokenize_pairs,
)
from bscl_jax.data._positives import find_positives, positive_ids
from bscl_jax.types import Pairs

THRESHOLD = 0.5


def known(pairs: Pairs, rows=None, threshold: float = THRESHOLD) -> list[list[int]]:
    """The couples of some rows, as 0 and 1."""
    store = tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts], threshold=threshold)
    rows = np.arange(len(pairs.queries)) if rows is None else np.array(rows)
    return known_couples(store.positives, rows, store.target_ids[rows]).astype(int).tolist()


def test_a_positive_of_the_query_is_known_though_only_another_query_brings_it():
    pairs = Pairs(["q", "q", "r"], ["a", "b", "b "])
    assert known(pairs, [0, 2]) == [[1, 1], [0, 1]]


def test_a_positive_pair_is_read_both_ways_round():
    assert known(Pairs(["a", "b", "c"], ["b", "x", "a"])) == [[1, 0, 1], [1, 1, 1], [0, 0, 1]]


def test_a_target_of_a_target_is_not_known():
    assert known(Pairs(["a", "b"], ["b", "c"])) == [[1, 0], [1, 1]]


def test_the_text_of_the_query_itself_is_no_negative():
    assert known(Pairs(["a", "b"], ["x", "a"], [0.0, 0.0])) == [[0, 1], [0, 0]]


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, 0), (0.4, 1)])
def test_a_pair_at_the_threshold_is_no_positive(threshold, expected):
    pairs = Pairs(["q", "q", "r"], ["a", "b", "b"], [1.0, 0.5, 1.0])
    assert known(pairs, [0, 2], threshold)[0][1] == expected


def by_hand(pairs: Pairs, rows: list[int]) -> list[list[int]]:
    queries, targets = (list(map(normalize_text, side)) for side in (pairs.queries, pairs.targets))
    scores = pairs.scores or ()
    good = {
        (q, t) for q, t, score in zip(queries, targets, scores, strict=True) if score > THRESHOLD
    }

    def belongs(query: str, target: str) -> bool:
        return query == target or (query, target) in good or (target, query) in good

    return [[int(belongs(queries[i], targets[j])) for j in rows] for i in rows]


@st.composite
def some_pairs(draw: st.DrawFn) -> tuple[Pairs, list[int]]:
    n = draw(st.integers(1, 9))
    sides = [draw(st.lists(st.sampled_from("abcdef"), min_size=n, max_size=n)) for _ in range(2)]
    scores = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=n, max_size=n))
    rows = draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
    return Pairs(*sides, scores), rows


@given(some_pairs())
def test_couples_are_those_of_a_reading_pair_by_pair(drawn: tuple[Pairs, list[int]]) -> None:
    assert known(*drawn) == by_hand(*drawn)


@given(some_pairs())
def test_ids_leave_out_every_known_positive_of_a_batch_and_nothing_else(
    drawn: tuple[Pairs, list[int]],
) -> None:
    pairs, rows = drawn
    store = tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts])
    queries, targets = store.query_ids[rows], store.target_ids[rows]
    found = positive_ids(store.positives, np.array(rows), queries, targets)
    by_list = np.zeros((len(rows), len(rows)), bool)
    if found is not None:
        by_list = (found[:, :, np.newaxis] == targets).any(axis=1)
    told = (queries[:, np.newaxis] == queries) | (targets[:, np.newaxis] == targets)
    expected = np.array(by_hand(pairs, rows), bool)
    assert ((by_list | told) == (expected | told)).all()


def test_each_batch_has_ids_of_one_shape_and_rows_without_such_have_their_own() -> None:
    pairs = Pairs(["q", "q", "q", "r", "s", "t"], ["a", "b", "c", "b", "c", "d"])
    store = tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts])
    options = {"batch_size": 3, "query_lengths": (8,), "target_lengths": (8,), "pad_id": 0}
    first, second = (
        make_pair_batch(store, np.array([0, 3, 4, 1, 2, 5]), k, **options) for k in (0, 1)
    )
    b, c, d = content_ids(list("bcd")).tolist()
    assert [set(row) for row in first.positive_ids.tolist()] == [{b, c}, {b}, {c}]
    assert second.positive_ids.tolist() == [[b, b], [c, c], [d, d]]


def test_data_whose_queries_share_no_positive_need_no_ids() -> None:
    store = tokenize_pairs(
        Pairs(["q", "q", "r"], ["a", "b", "c"]), lambda texts: [[1]] * len(texts)
    )
    rows = np.arange(3)
    assert positive_ids(store.positives, rows, store.query_ids, store.target_ids) is None


@given(some_pairs())
def test_the_most_elsewhere_is_that_of_a_reading_pair_by_pair(
    drawn: tuple[Pairs, list[int]],
) -> None:
    pairs, _ = drawn
    n = len(pairs.queries)
    couples = np.array(by_hand(pairs, list(range(n))), bool)
    other = np.array([[a != b for b in pairs.queries] for a in pairs.queries])
    found = [len({pairs.targets[j] for j in np.flatnonzero(row)}) for row in couples & other]
    ids = (content_ids(side) for side in (pairs.queries, pairs.targets))
    scores = np.array(pairs.scores, np.float32)
    assert find_positives(*ids, scores, threshold=THRESHOLD).most_elsewhere == max(found)
