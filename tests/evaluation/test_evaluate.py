from collections.abc import Sequence

import numpy as np
import pytest

from bscl_jax.evaluation import evaluate, measures
from bscl_jax.types import RankingSet, RetrievalSet, ScoredPairs

VECTORS = {
    "x": [1.0, 0.0],
    "long x": [5.0, 0.5],
    "y": [0.0, 1.0],
    "between": [1.0, 1.0],
    "minus x": [-1.0, 0.0],
}


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.array([VECTORS[text] for text in texts], np.float32)


def test_retrieval_ranks_by_cosine() -> None:
    sets = {"toy": RetrievalSet(["x", "y"], ["between", "long x"], [[1], [1]])}
    measures = evaluate(embed, sets)
    assert measures["toy/mrr"] == pytest.approx(0.75)  # first for x, second for y
    assert measures["toy/has_positive@1"] == pytest.approx(0.5)


def test_a_ranking_orders_the_documents_of_each_query_alone() -> None:
    # x finds its positive second of three; y has one document, which is positive.
    documents, grades = [["y", "between", "long x"], ["minus x"]], [[0.0, 1.0, 0.4], [0.6]]
    found = evaluate(embed, {"toy": RankingSet(["x", "y"], documents, grades)})
    assert found["toy/mrr"] == pytest.approx(0.75)
    assert found["toy/precision@1"] == pytest.approx(0.5)
    assert found["toy/ndcg@1"] == pytest.approx((0.4 + 1.0) / 2)


def test_a_query_of_a_ranking_without_a_positive_counts_nothing() -> None:
    sets = {"toy": RankingSet(["x", "y"], [["long x"], ["y"]], [[0.5], [1.0]])}
    assert evaluate(embed, sets)["toy/map"] == pytest.approx(0.5)


def test_scored_pairs_are_compared_with_the_cosine() -> None:
    sets = {"pairs": ScoredPairs(["x", "x", "x"], ["long x", "y", "minus x"], [5.0, 2.0, 0.0])}
    assert evaluate(embed, sets)["pairs/spearman"] == pytest.approx(1.0)


def test_a_correlation_that_is_not_defined_is_left_out() -> None:
    sets = {"pairs": ScoredPairs(["x", "y"], ["y", "x"], [3.0, 4.0])}
    assert evaluate(embed, sets) == {}


def test_each_distinct_text_is_embedded_once_over_all_sets() -> None:
    asked: list[str] = []

    def remember(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    corpus = ["between", "long x"]
    evaluate(
        remember, {"a": RetrievalSet(["x"], corpus, [[1]]), "b": RetrievalSet(["x"], corpus, [[0]])}
    )
    assert sorted(asked) == ["between", "long x", "x"]


def test_the_names_of_the_measures_are_known_before_anything_is_embedded() -> None:
    sets = {
        "toy": RetrievalSet(["x", "y"], ["between", "long x"], [[1], [1]]),
        "pairs": ScoredPairs(["x", "x"], ["long x", "y"], [5.0, 2.0]),
        "lists": RankingSet(["x"], [["y", "long x"]], [[0.0, 1.0]]),
    }
    named = [f"{name}/{measure}" for name, each in sets.items() for measure in measures(each)]
    assert list(evaluate(embed, sets)) == named
