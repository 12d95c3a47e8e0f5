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
