import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax import metrics

RELATIVE = 1e-12  # float64 sums in another order


def f1_at(scores, labels, threshold):
    called = scores >= threshold
    return 2 * np.sum(called & labels) / (np.sum(called) + np.sum(labels))


def test_a_hand_computed_example():
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.1], np.float32)
    labels = np.array([1, 0, 1, 0, 0])
    assert metrics.classification(scores, labels) == {
        "f1": pytest.approx(0.8),  # two found, one wrongly
        "f1_threshold": float(np.float32(0.7)),
        "average_precision": pytest.approx((1 + 2 / 3) / 2),
        "accuracy": pytest.approx(0.8),
    }


pairs = st.lists(
    st.tuples(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=2
).filter(lambda rows: 0 < sum(label for _, label in rows) < len(rows))


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_no_threshold_beats_the_one_found_and_no_higher_one_equals_it(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.classification(scores, labels)
    every = {score: f1_at(scores, labels, score) for score in set(scores.tolist())}
    best = max(every.values())
    assert found["f1"] == pytest.approx(best, rel=RELATIVE)
    ties = [score for score, f1 in every.items() if f1 == pytest.approx(best, rel=RELATIVE)]
    assert found["f1_threshold"] == max(ties)


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_average_precision_is_the_sum_of_steps(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        reached = labels[called].sum() / labels.sum()
        expected += (reached - recall) * labels[called].mean()
        recall = reached
    found = metrics.classification(scores, labels)["average_precision"]
    assert found == pytest.approx(expected, rel=RELATIVE)


def test_a_threshold_from_elsewhere_is_used_as_it_is():
    scores, labels = np.array([0.9, 0.6, 0.4, 0.1]), np.array([True, False, True, False])
    found = metrics.classification(scores, labels, threshold=0.6)
    assert found["f1"] == pytest.approx(0.5)
    assert found["accuracy"] == 0.5
    assert found["f1_threshold"] == 0.6


def test_a_threshold_above_all_scores_gives_zero_without_a_warning():
    found = metrics.classification(np.array([0.9, 0.6]), np.array([1, 0]), threshold=2.0)
    assert found["f1"] == 0.0
    assert found["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, 0.2], [1, 0, 1], r"equally long .* shapes \(2,\) and \(3,\)"),
        ([0.1, np.inf], [1, 0], "scores must be finite, score 1 is inf"),
        ([0.1, 0.2], [1, 1], r"labels must be 0 and 1, with both present, got \[1\]"),
        ([0.1, 0.2], [1, 2], r"got \[1, 2\]; cut graded labels"),
    ],
)
def test_a_mistake_is_named_with_its_value(scores, labels, message):
    unchecked = inspect.unwrap(metrics.classification)  # jaxtyping would speak first
    with pytest.raises(ValueError, match=message):
        unchecked(np.array(scores), np.array(labels))
