import math

import numpy as np
import pytest

from bscl_jax import metrics

ROUNDING = 1e-12


def texts(
    queries: list[int], targets: list[int], known: list[tuple[int, int]]
) -> metrics.BatchTexts:
    matrix = np.eye(len(queries), dtype=bool)
    for i, j in known:
        matrix[i, j] = True
    return metrics.BatchTexts(np.array(queries), np.array(targets), matrix)


def similarities(seed: int, rows: int, columns: int) -> metrics.BatchSimilarities:
    rng = np.random.default_rng(seed)
    candidates = rng.normal(size=(rows, columns))
    return metrics.BatchSimilarities(
        rng.normal(size=rows), candidates, rng.uniform(size=(rows, columns)) < 0.6
    )


def test_couples_that_share_a_text_and_known_positives_are_counted_apart():
    found = metrics.batch_texts([texts([1, 1, 2, 3], [7, 8, 8, 9], [(0, 3)])])
    assert found == {
        "distinct_queries": 3,
        "duplicates": 4 / 12,
        "known_positives": 1 / 12,
    }


def test_a_couple_that_shares_both_texts_counts_once():
    assert metrics.batch_texts([texts([1, 1], [7, 7], [])])["duplicates"] == 1


def test_couples_add_up_over_batches_and_queries_are_a_mean_of_batches():
    batches = [texts([1, 1, 1], [4, 5, 6], [(0, 1)]), texts([1, 2], [4, 5], [])]
    found = metrics.batch_texts(batches)
    assert found["distinct_queries"] == 1.5
    assert found["duplicates"] == 6 / 8
    assert found["known_positives"] == 1 / 8


def test_batches_of_one_have_no_shares():
    found = metrics.batch_texts([texts([1], [2], [])])
    assert found["distinct_queries"] == 1
    assert math.isnan(found["duplicates"])
    assert math.isnan(found["known_positives"])


def test_no_batch_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one batch"):
        metrics.batch_texts([])


def test_texts_agree_with_a_count_couple_by_couple():
    rng = np.random.default_rng(1)
    batches = [
        metrics.BatchTexts(*rng.integers(0, 5, size=(2, b)), rng.uniform(size=(b, b)) < 0.3)
        for b in (7, 7, 3)
    ]
    couples = [
        (
            batch.query_ids[i] == batch.query_ids[j] or batch.target_ids[i] == batch.target_ids[j],
            batch.known[i, j],
        )
        for batch in batches
        for i in range(len(batch.query_ids))
        for j in range(len(batch.query_ids))
        if i != j
    ]
    found = metrics.batch_texts(batches)
    assert [found["duplicates"], found["known_positives"]] == pytest.approx(
        np.mean(couples, axis=0)
    )


def test_only_negatives_count_and_one_as_similar_as_the_own_target_is_not_hard():
    batch = metrics.BatchSimilarities(
        np.array([0.5, 0.1], np.float32),
        np.array([[0.5, 0.75, 0.25], [9.0, 9.0, 0.5]], np.float32),
        np.array([[True, True, True], [False, False, True]]),
    )
    assert metrics.batch_negatives([batch]) == {"similarity": 0.5, "hard": 0.5}


def test_negatives_agree_with_a_count_one_by_one():
    batches = [similarities(0, 5, 5), similarities(1, 2, 9)]
    all_of_them = [
        (batch.candidates[i, j], batch.candidates[i, j] > batch.own[i])
        for batch in batches
        for i, j in zip(*np.nonzero(batch.negative), strict=True)
    ]
    found = metrics.batch_negatives(batches)
    assert list(found.values()) == pytest.approx(
        np.mean(all_of_them, axis=0).tolist(), rel=ROUNDING
    )


def test_without_negatives_nothing_is_known_of_them():
    batch = similarities(0, 3, 2)._replace(negative=np.zeros((3, 2), bool))
    for found in (metrics.batch_negatives([batch]), metrics.batch_negatives([])):
        assert all(map(math.isnan, found.values()))
