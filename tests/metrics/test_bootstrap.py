import numpy as np
import pytest
from scipy import stats

from bscl_jax import metrics
from bscl_jax.metrics import _bootstrap


def means(**values: np.ndarray) -> dict[str, metrics.Measure]:
    return {name: metrics.resampled_mean(array) for name, array in values.items()}


@pytest.fixture(scope="module")
def models() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    first = generator.normal(0.5, 0.2, 400)
    return first, first + generator.normal(0.1, 0.05, 400)


def test_the_intervals_of_a_mean_are_those_of_the_normal_distribution(models) -> None:
    first, second = models
    found = metrics.paired_bootstrap(means(m=first), means(m=second), 400)["m"]
    for interval, values in ((found.second, second), (found.gain, second - first)):
        expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
        assert interval == pytest.approx(expected, abs=0.2 * stats.sem(values))


def test_both_models_are_measured_on_the_same_draws(models) -> None:
    first, _ = models
    gain = metrics.paired_bootstrap(means(m=first), means(m=first + 0.25), 400)["m"].gain
    assert gain == pytest.approx((0.25, 0.25))


def test_equal_seeds_give_equal_intervals_whatever_is_held_at_a_time(
    models, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (means(m=values) for values in models)
    found = metrics.paired_bootstrap(first, second, 400)
    assert metrics.paired_bootstrap(first, second, 400) == found
    assert metrics.paired_bootstrap(first, second, 400, seed=1)["m"].gain != found["m"].gain
    monkeypatch.setattr(_bootstrap, "BLOCK", 7 * 400)
    again = metrics.paired_bootstrap(first, second, 400)
    assert again["m"].gain == pytest.approx(found["m"].gain, abs=1e-12)


def test_a_higher_level_has_wider_intervals(models) -> None:
    first, second = (means(m=values) for values in models)
    wide, narrow = (
        metrics.paired_bootstrap(first, second, 400, level=level)["m"].second
        for level in (0.99, 0.5)
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_only_measures_that_both_have_and_every_sample_defines_have_intervals() -> None:
    predicted, gold = np.array([0.1, 0.7]), np.array([1.0, 2.0])  # a sample may hold one pair twice
    second = metrics.resampled_correlation(predicted, gold) | means(m=predicted, new=predicted)
    first = metrics.resampled_correlation(gold, gold) | means(m=gold, old=gold)
    assert list(metrics.paired_bootstrap(first, second, 2)) == ["m"]


@pytest.mark.parametrize(
    ("num_rows", "options", "message"),
    [
        (0, {}, "rows and samples must be at least 1, were 0 and 1000"),
        (2, {"num_samples": 0}, "rows and samples must be at least 1, were 2 and 0"),
        (2, {"level": 1.0}, r"level must be between 0 and 1, was 1\.0"),
    ],
)
def test_arguments_out_of_range_are_refused(num_rows: int, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.paired_bootstrap({}, {}, num_rows, **options)
