"""Sets and models of which nothing can be said: no value, a reason, and no warning."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from bscl_jax.evaluation import (
    evaluate,
    fitted_threshold,
    intervals,
    measures,
    observe,
    undefined,
    why_not_defined,
)
from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet, ScoredPairs
from tests.evaluation.test_evaluate import DEV, TEST, embed

SOUND: dict[str, EvaluationSet] = {
    "search": RetrievalSet(["x", "y"], ["between", "long x"], [[1], [0]]),
    "lists": RankingSet(["x"], [["y", "long x"]], [[0.0, 1.0]]),
    "graded": ScoredPairs(["x", "x", "x"], ["long x", "y", "minus x"], [5.0, 2.0, 0.0]),
    "alike": TEST._replace(fit=DEV),
}
"""A set of each kind."""

NOTHING_TO_TELL = [
    (RetrievalSet([], ["x", "y"], []), "there are no queries"),
    (RankingSet([], [], []), "there are no documents"),
    (RankingSet(["x", "y"], [["x", "y"], ["y"]], [[0.0, 0.0], [0.0]]), "all grades are 0"),
    (RankingSet(["x", "y"], [["x", "y"], ["y"]], [[1.0, 1.0], [1.0]]), "all grades are 1"),
    (ScoredPairs([], [], []), "there are no pairs"),
    (ScoredPairs(["x"], ["y"], [3.0]), "there is one pair only"),
    (ScoredPairs(["x", "y"], ["y", "between"], [2.5, 2.5]), "all grades are 2.5"),
    (BinaryPairs([], [], []), "there are no pairs"),
    (BinaryPairs(["x", "y"], ["y", "between"], [0, 0]), "all labels are 0"),
    (BinaryPairs(["x", "y"], ["y", "between"], [1, 1]), "all labels are 1"),
    (BinaryPairs(["x", "y"], ["y", "between"], [1, 1], fit=DEV), "all labels are 1"),
]


def constant(texts: Sequence[str]) -> np.ndarray:
    return np.full((len(texts), 2), 0.6, np.float32)


@pytest.mark.parametrize(("each", "reason"), NOTHING_TO_TELL)
def test_a_set_in_which_there_is_nothing_to_tell_has_no_measure_and_a_reason(each, reason):
    assert why_not_defined(each) == reason
    observed = observe(embed, {"toy": each, **SOUND})
    named = {f"toy/{name}": reason for name in measures(each)}
    assert undefined(observed) == named
    assert evaluate(embed, {"toy": each, **SOUND}) == evaluate(embed, SOUND)
    assert intervals(observed, observed).keys() == intervals(*[observe(embed, SOUND)] * 2).keys()


@pytest.mark.parametrize("each", SOUND.values(), ids=SOUND)
def test_a_set_that_tells_something_has_every_measure(each):
    assert why_not_defined(each) is None
    assert undefined(observe(embed, {"toy": each})) == {}
    assert list(evaluate(embed, {"toy": each})) == [f"toy/{name}" for name in measures(each)]


@pytest.mark.parametrize("each", [each for each, _ in NOTHING_TO_TELL] + list(SOUND.values()))
def test_columns_that_are_arrays_are_read_as_lists(each):
    columns = {
        name: np.array(column)
        for name, column in each._asdict().items()
        if name in ("queries", "corpus", "first", "second", "scores", "labels")
    }
    arrays = each._replace(**columns)
    assert why_not_defined(arrays) == why_not_defined(each)
    assert evaluate(embed, {"toy": arrays}) == evaluate(embed, {"toy": each})


@pytest.mark.parametrize("value", [0.0, 0.6], ids=["zero", "constant"])
def test_a_collapsed_model_has_no_correlation_and_all_else_is_finite(value):
    observed = observe(lambda texts: np.full((len(texts), 2), value, np.float32), SOUND)
    reason = "the model gives every pair the same similarity"
    assert undefined(observed) == {"graded/spearman": reason, "graded/pearson": reason}
    found = evaluate(constant, SOUND)
    assert set(found) == {
        f"{name}/{key}" for name, each in SOUND.items() for key in measures(each)
    } - {"graded/spearman", "graded/pearson"}
    assert found["search/mrr"] == found["lists/mrr"] == 0.5  # ties are broken against us
    trained = intervals(observe(embed, SOUND), observed)
    assert not any(name.startswith("graded/") for name in trained)
    json.dumps([found, trained, intervals(observed, observe(embed, SOUND))], allow_nan=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_that_is_not_finite_somewhere_has_a_measure_of_the_sets_without(value):
    def broken(texts: Sequence[str]) -> np.ndarray:
        found = embed(texts)
        found[[text == "minus x" for text in texts], 0] = value
        return found

    observed = observe(broken, SOUND)
    reason = "the model gives similarities that are not finite"
    spoiled = [f"{name}/{key}" for name in ("graded", "alike") for key in measures(SOUND[name])]
    assert undefined(observed) == dict.fromkeys(spoiled, reason)
    assert fitted_threshold(observed) is None


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], []])
def test_without_a_threshold_what_needs_one_is_not_defined(labels):
    fit = BinaryPairs(*(list(texts)[: len(labels)] for texts in DEV[:2]), labels)
    observed = observe(embed, {"toy": TEST._replace(fit=fit)})
    reason = "there is no threshold: the pairs it is searched on are of one label, or none"
    assert undefined(observed) == {"toy/f1": reason, "toy/accuracy": reason}
    found = evaluate(embed, {"toy": TEST._replace(fit=fit), "same": TEST})
    assert found.keys() == {"toy/best_f1", "toy/average_precision"} | {
        f"same/{name}" for name in measures(TEST)
    }
    assert found["toy/best_f1"] == found["same/best_f1"]
    assert fitted_threshold(observed) is None
    assert "toy/f1" not in intervals(observed, observed)
