import numpy as np
import pytest

from bscl_jax.evaluation import (
    GradedCosines,
    LabelledCosines,
    Observation,
    QueryValues,
    fitted_threshold,
    intervals,
    observe,
    summarize,
)
from bscl_jax.types import ScoredPairs
from tests.evaluation.test_evaluate import DEV, TEST, embed

NUM_ROWS = 60


def make(noise: float) -> dict[str, Observation]:
    """What a model shows that knows the grades but for some noise."""
    generator = np.random.default_rng(0)
    grades = generator.integers(0, 5, NUM_ROWS).astype(float)
    cosines = grades / 5 + generator.normal(size=NUM_ROWS) * noise
    return {
        "lists": QueryValues({"mrr": np.clip(cosines, 0, 1)}),
        "graded": GradedCosines(cosines, grades),
        "alike": LabelledCosines(cosines, (grades > 2).astype(int), 0.5),
    }


def test_every_measure_of_every_kind_of_set_has_an_interval_round_it() -> None:
    before, after = make(0.5), make(0.1)
    found = intervals(before, after)
    values, old = summarize(after), summarize(before)
    assert found.keys() == values.keys()
    for name, ends in found.items():
        low, high = ends["trained"]
        assert low < values[name] < high
        low, high = ends["gain"]
        assert low < values[name] - old[name] < high


def test_a_model_gains_nothing_over_itself() -> None:
    model = make(0.3)
    assert {tuple(ends["gain"]) for ends in intervals(model, model).values()} == {(0.0, 0.0)}


def test_the_threshold_is_that_of_the_pairs_it_is_searched_on() -> None:
    assert fitted_threshold(observe(embed, {"toy": DEV})) == pytest.approx(0.5**0.5)
    assert fitted_threshold(observe(embed, {"toy": TEST._replace(fit=DEV)})) == pytest.approx(
        0.5**0.5
    )


def test_only_pairs_that_are_alike_or_not_have_a_threshold() -> None:
    graded = ScoredPairs(["x", "x"], ["long x", "y"], [5.0, 2.0])
    assert fitted_threshold(observe(embed, {"graded": graded})) is None
    assert fitted_threshold(observe(embed, {"graded": graded, "toy": DEV})) is not None


def test_a_threshold_that_rounding_brought_beyond_one_is_one() -> None:
    pairs = LabelledCosines(np.array([1.0000001, 0.0]), np.array([1, 0]), 1.0000001)
    assert fitted_threshold({"toy": pairs}) == 1.0
