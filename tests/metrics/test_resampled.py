"""A measure from counts is the measure of the rows, each as often as it was drawn."""

from collections.abc import Mapping

import numpy as np
import pytest

from bscl_jax import metrics

EXACT = 1e-12
NUM_ROWS, NUM_SAMPLES = 23, 40
ROWS = np.random.default_rng(0).integers(NUM_ROWS, size=(NUM_SAMPLES, NUM_ROWS))
COUNTS = np.stack([np.bincount(rows, minlength=NUM_ROWS) for rows in ROWS]).astype(np.float64)
GENERATOR = np.random.default_rng(1)
SCORES = GENERATOR.integers(-4, 5, NUM_ROWS) / 4  # many are equal
GRADES = np.round(2 + SCORES + GENERATOR.normal(size=NUM_ROWS))
LABELS = (GRADES > 2).astype(int)
THRESHOLD = 0.25


def assert_same(measure: metrics.Measure, expected: list[float | None]) -> None:
    np.testing.assert_allclose(measure(COUNTS), np.array(expected, float), rtol=0, atol=EXACT)


def test_means_are_those_of_the_drawn_values() -> None:
    expected = [float(np.mean(SCORES[rows])) for rows in ROWS]
    assert_same(metrics.resampled_mean(SCORES), expected)


@pytest.mark.parametrize("name", ["spearman", "pearson"])
def test_correlations_are_those_of_the_drawn_pairs(name: str) -> None:
    expected = [metrics.correlation(SCORES[rows], GRADES[rows])[name] for rows in ROWS]
    assert_same(metrics.resampled_correlation(SCORES, GRADES)[name], expected)


@pytest.mark.parametrize(
    ("name", "key", "options"),
    [
        ("f1", "f1", {"threshold": THRESHOLD}),
        ("accuracy", "accuracy", {"threshold": THRESHOLD}),
        ("best_f1", "f1", {}),
        ("average_precision", "average_precision", {}),
    ],
)
def test_classifications_are_those_of_the_drawn_pairs(
    name: str, key: str, options: Mapping[str, float]
) -> None:
    expected = [metrics.classification(SCORES[r], LABELS[r], **options)[key] for r in ROWS]
    measures = metrics.resampled_classification(SCORES, LABELS, threshold=THRESHOLD)
    assert_same(measures[name], expected)


@pytest.mark.parametrize("swap", [False, True])
def test_a_correlation_of_samples_that_are_constant_but_for_rounding_of_sums_is_nan(
    swap: bool,
) -> None:
    varied = GENERATOR.normal(size=200)
    grades = np.where(np.arange(200) < 2, 1.0, 5.0)
    counts = GENERATOR.multinomial(200, np.full(200, 1 / 200), size=300).astype(np.float64)
    constant = counts[:, :2].sum(axis=1) == 0
    pair = (grades, varied) if swap else (varied, grades)
    for measure in metrics.resampled_correlation(*pair).values():
        assert np.isnan(measure(counts)).tolist() == constant.tolist()


def test_a_score_of_float32_meets_the_threshold_in_float64() -> None:
    scores, labels = np.array([0.1, 0.7], np.float32), np.array([0, 1])
    threshold = float(np.nextafter(float(scores[1]), 1))  # in float32 it is the score
    drawn = metrics.resampled_classification(scores, labels, threshold=threshold)
    expected = metrics.classification(scores, labels, threshold=threshold)
    assert drawn["accuracy"](np.ones((1, 2))) == expected["accuracy"] == 0.5


def test_what_is_not_defined_on_a_sample_is_nan() -> None:
    one_pair_only = np.eye(NUM_ROWS)[:1] * NUM_ROWS
    negative_only = np.eye(NUM_ROWS)[np.flatnonzero(LABELS == 0)[:1]] * NUM_ROWS
    correlations = metrics.resampled_correlation(SCORES, GRADES)
    called = metrics.resampled_classification(SCORES, LABELS, threshold=THRESHOLD)
    for measure in correlations.values():
        assert np.isnan(measure(one_pair_only)).all()
    for name in ("f1", "best_f1", "average_precision"):
        assert np.isnan(called[name](negative_only)).all()
    assert called["accuracy"](negative_only).tolist() in ([0.0], [1.0])
