import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax import metrics

ABSOLUTE = 1e-12  # float64 sums in another order


def twin(x, y):
    """Pearson's r from its definition."""
    x, y = x - x.mean(), y - y.mean()
    return (x @ y) / np.sqrt((x @ x) * (y @ y))


def mean_ranks(x):
    """The rank of each value, tied values sharing their mean rank."""
    return np.array([(x < value).sum() + ((x == value).sum() + 1) / 2 for value in x])


def test_a_hand_computed_example():
    found = metrics.correlation(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]))
    assert found["spearman"] == pytest.approx(0.5)
    assert found["pearson"] == pytest.approx(0.3273268353539886)  # 1 / sqrt(28/3)


values = st.lists(st.integers(-3, 3), min_size=2, max_size=20)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_it_is_the_definition_ties_included(data):
    predicted = np.array(data.draw(values), float)
    gold = np.array(data.draw(st.permutations(range(len(predicted)))), float)
    found = metrics.correlation(predicted, gold)
    if np.ptp(predicted) == 0:
        assert found == {"spearman": None, "pearson": None}
    else:
        assert found["pearson"] == pytest.approx(twin(predicted, gold), abs=ABSOLUTE)
        expected = twin(mean_ranks(predicted), mean_ranks(gold))
        assert found["spearman"] == pytest.approx(expected, abs=ABSOLUTE)


def test_a_collapsed_model_has_no_correlation_and_no_warning():
    found = metrics.correlation(np.full(5, 0.7, np.float32), np.arange(5.0))
    assert found == {"spearman": None, "pearson": None}


def test_grades_that_are_all_equal_have_no_correlation():
    found = metrics.correlation(np.array([0.1, 0.4, 0.2]), np.full(3, 2.5))
    assert found == {"spearman": None, "pearson": None}


def test_predictions_that_differ_by_rounding_only_have_no_pearson():
    predicted = 1.0 + np.array([0, 1, 2, 3]) * np.finfo(float).eps
    found = metrics.correlation(predicted, np.arange(4.0))
    assert found["pearson"] is None
    assert found["spearman"] == pytest.approx(1.0)


def test_float32_is_computed_in_float64():
    rng = np.random.default_rng(0)
    predicted, gold = rng.random(50).astype(np.float32), rng.random(50)
    assert metrics.correlation(predicted, gold) == metrics.correlation(
        predicted.astype(np.float64), gold
    )


@pytest.mark.parametrize(
    ("predicted", "gold", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"equally long, .* shapes \(2,\) and \(3,\)"),
        ([1.0], [1.0], "with two values at least"),
        ([1.0, np.nan], [1.0, 2.0], "predicted must be finite, value 1 is nan"),
        ([1.0, 2.0], [np.inf, 2.0], "gold must be finite, value 0 is inf"),
    ],
)
def test_a_mistake_is_named_with_its_value(predicted, gold, message):
    unchecked = inspect.unwrap(metrics.correlation)  # without jaxtyping, which would speak first
    with pytest.raises(ValueError, match=message):
        unchecked(np.array(predicted), np.array(gold))
