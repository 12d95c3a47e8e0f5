import inspect

import numpy as np
import pytest
from scipy import stats

from bscl_jax import metrics

EXACT = 1e-12


def test_a_hand_value():
    found = metrics.interval(np.array([1.0, 2.0, 3.0]))
    # sd 1, n 3, and t(2) leaves 2.5 % above 4.302653: 2 ± 4.302653 / √3.
    assert found.mean == 2
    assert found.sd == 1
    assert found.low == pytest.approx(2 - 2.484138, abs=1e-6)
    assert found.high == pytest.approx(2 + 2.484138, abs=1e-6)
    assert found.reason is None


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_interval_is_scipys(n, level):
    values = np.random.default_rng(n).normal(0.8, 0.01, n)
    found = metrics.interval(values, level=level)
    low, high = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=EXACT)


def test_one_value_has_no_interval_and_says_why():
    found = metrics.interval(np.array([0.7]))
    assert found == (0.7, None, None, None, "a single value shows no spread")


@pytest.mark.parametrize("n", [2, 3, 7])
def test_equal_values_have_an_interval_of_width_zero(n):
    assert metrics.interval(np.full(n, 0.1)) == (0.1, 0.1, 0.1, 0.0, None)


@pytest.mark.parametrize("values", [[], [0.5, np.nan], [np.inf, 0.5]])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(ValueError, match="values must be finite, one at least, were"):
        metrics.interval(np.array(values))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_out_of_range_is_refused(level):
    with pytest.raises(ValueError, match="level must be between 0 and 1, was"):
        metrics.interval(np.array([0.5, 0.6]), level=level)


def test_a_paired_hand_value():
    found = metrics.paired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    # Differences 1, 2, 3: t = 2 √3 / 1 with 2 degrees of freedom, so p = 1 − t / √(t² + 2).
    assert (found.first, found.second, found.difference.mean) == (2, 4, 2)
    assert found.p_value == pytest.approx(1 - np.sqrt(12 / 14), abs=EXACT)
    assert (found.wins, found.ties, found.reason) == (3, 0, None)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_paired_test_is_scipys(n):
    rng = np.random.default_rng(n)
    first = rng.normal(0.8, 0.1, n)
    second = first + rng.normal(0.01, 0.01, n)
    found, expected = metrics.paired_difference(first, second), stats.ttest_1samp(second - first, 0)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, abs=EXACT)
    assert found.difference.low == pytest.approx(interval.low, abs=EXACT)
    assert found.difference.high == pytest.approx(interval.high, abs=EXACT)


def test_exchanging_both_turns_the_difference_round():
    first, second = np.array([0.5, 0.6, 0.7, 0.7]), np.array([0.6, 0.5, 0.9, 0.7])
    one, other = metrics.paired_difference(first, second), metrics.paired_difference(second, first)
    assert one.difference.mean == -other.difference.mean
    assert one.p_value == other.p_value
    assert (one.wins, other.wins, one.ties, other.ties) == (2, 1, 1, 1)


def test_differences_that_are_equal_but_for_rounding_have_no_p_value():
    first = np.array([0.1, 0.2, 0.7])
    second = first + 0.1
    assert np.ptp(second - first) > 0, "these values were to differ by rounding"
    found = metrics.paired_difference(first, second)
    assert (found.p_value, found.reason) == (None, "all differences are equal")
    assert found.difference.high == pytest.approx(0.1)


@pytest.mark.parametrize("gain", [0.0, 0.25])
def test_equal_differences_have_no_p_value_and_an_interval_of_width_zero(gain):
    first = np.array([0.5, 0.25, 0.75])
    found = metrics.paired_difference(first, first + gain)
    assert found.difference == (gain, gain, gain, 0.0, None)
    assert (found.p_value, found.reason) == (None, "all differences are equal")


def test_a_single_pair_has_no_p_value_and_says_why():
    found = metrics.paired_difference(np.array([0.5]), np.array([0.75]))
    assert (found.difference.mean, found.p_value, found.wins) == (0.25, None, 1)
    assert found.reason == "a single value shows no spread"


def test_lists_of_other_lengths_are_refused():
    unchecked = inspect.unwrap(metrics.paired_difference)  # without jaxtyping, which speaks first
    with pytest.raises(ValueError, match="both must be equally long, got 2 and 3 values"):
        unchecked(np.array([0.5, 0.6]), np.array([0.5, 0.6, 0.7]))
