from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bscl_jax import metrics
from bscl_jax.evaluation import _evaluate, evaluate, measures
from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet, ScoredPairs

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


@pytest.mark.parametrize(("at_once", "rows"), [(1, [1] * 5), (7, [2, 2, 1]), (1 << 26, [5])])
def test_retrieval_works_through_its_queries_in_blocks(
    at_once: int, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, by_query = [], metrics.retrieval_by_query

    def count_rows(similarities: np.ndarray, *a: Any, **options: Any) -> dict[str, np.ndarray]:
        seen.append(len(similarities))
        return by_query(similarities, *a, **options)

    monkeypatch.setattr(metrics, "retrieval_by_query", count_rows)
    monkeypatch.setattr(_evaluate, "SIMILARITIES_AT_ONCE", at_once)
    queries = ["x", "y", "long x", "minus x", "between"]
    relevant = [[0], [0], [0, 1], [2], [0, 2]]
    found = evaluate(embed, {"toy": RetrievalSet(queries, ["x", "minus x", "y"], relevant)})
    assert found["toy/mrr"] == pytest.approx((1 + 1 / 3 + 1 + 1 / 2 + 1) / 5)
    assert seen == rows


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


OTHER = {"x": "between", "long x": "minus x", "y": "long x", "between": "y", "minus x": "x"}
"""What a second tower takes each text for."""


def other(texts: Sequence[str]) -> list[str]:
    return [OTHER[text] for text in texts]


def test_two_towers_are_one_that_reads_the_targets_as_other_texts() -> None:
    lists = [["y", "between", "long x"], ["minus x", "x"]]
    fit = BinaryPairs(["y"] * 3, ["long x", "between", "y"], [0, 1, 1])
    grades = [[0.0, 1.0, 0.4], [0.6, 0.0]]
    sets = {
        "toy": RetrievalSet(["x", "y"], ["between", "long x", "y"], [[1], [2]]),
        "pairs": ScoredPairs(["x", "y", "y"], ["long x", "y", "minus x"], [5.0, 2.0, 0.0]),
        "lists": RankingSet(["x", "y"], lists, grades),
        "alike": BinaryPairs(["x", "y", "x"], ["long x", "y", "y"], [1, 0, 1], fit=fit),
    }
    read = {
        "toy": sets["toy"]._replace(corpus=other(sets["toy"].corpus)),
        "pairs": sets["pairs"]._replace(second=other(sets["pairs"].second)),
        "lists": sets["lists"]._replace(documents=[other(each) for each in lists]),
        "alike": sets["alike"]._replace(
            second=other(sets["alike"].second), fit=fit._replace(second=other(fit.second))
        ),
    }
    found = evaluate((embed, lambda texts: embed(other(texts))), sets)
    assert found == pytest.approx(evaluate(embed, read))
    assert found != pytest.approx(evaluate(embed, sets))


def test_the_names_of_the_measures_are_known_before_anything_is_embedded() -> None:
    sets = {
        "toy": RetrievalSet(["x", "y"], ["between", "long x"], [[1], [1]]),
        "pairs": ScoredPairs(["x", "x"], ["long x", "y"], [5.0, 2.0]),
        "lists": RankingSet(["x"], [["y", "long x"]], [[0.0, 1.0]]),
        "alike": BinaryPairs(["x", "x"], ["long x", "y"], [1, 0]),
    }
    named = [f"{name}/{measure}" for name, each in sets.items() for measure in measures(each)]
    assert list(evaluate(embed, sets)) == named


def test_the_depths_of_a_retrieval_set_are_its_own() -> None:
    sets = {"toy": RetrievalSet(["x", "y"], ["between", "long x"], [[1], [1]], depths=(2,))}
    found = evaluate(embed, sets)
    assert list(found) == ["toy/mrr", "toy/map", "toy/has_positive@2"]
    assert found["toy/has_positive@2"] == 1.0


# Cosines with x: long x 0.995, between 0.707, y 0, minus x -1.
DEV = BinaryPairs(["x"] * 3, ["long x", "between", "y"], [1, 1, 0])  # best at 0.707
TEST = BinaryPairs(["x"] * 4, ["long x", "between", "y", "minus x"], [1, 0, 1, 0])


def test_pairs_that_are_fitted_on_others_take_the_threshold_from_there() -> None:
    found = evaluate(embed, {"toy": TEST._replace(fit=DEV)})
    assert found["toy/f1"] == pytest.approx(0.5)  # long x right, between wrong, y missed
    assert found["toy/accuracy"] == pytest.approx(0.5)
    assert found["toy/best_f1"] == pytest.approx(0.8)  # at 0: all but between right
    assert found["toy/average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_pairs_that_are_fitted_on_themselves_flatter() -> None:
    found = evaluate(embed, {"toy": TEST})
    assert found["toy/f1"] == found["toy/best_f1"] == pytest.approx(0.8)
    assert found["toy/accuracy"] == pytest.approx(0.75)


def test_texts_on_which_only_a_threshold_is_fitted_are_embedded_once() -> None:
    asked: list[str] = []

    def remember(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    evaluate(remember, {"toy": BinaryPairs(["x", "x"], ["y", "long x"], [0, 1], fit=DEV)})
    assert sorted(asked) == ["between", "long x", "x", "y"]


@pytest.mark.parametrize(
    ("each", "lengths"),
    [
        (RetrievalSet(["x", "y"], ["x"], [[0]]), "'toy' has 2 queries, 1 relevant"),
        (RankingSet(["x"], [["x"]] * 2, [[1.0]] * 2), "'toy' has 1 queries, 2 documents, 2 grades"),
        (ScoredPairs(["x"], ["y"] * 3, [1.0, 2.0, 3.0]), "'toy' has 1 first, 3 second, 3 scores"),
        (BinaryPairs(["x"] * 2, ["y"] * 2, [1]), "'toy' has 2 first, 2 second, 1 labels"),
        (TEST._replace(fit=DEV._replace(second=["x"])), "'toy.fit' has 3 first, 1 second, 3 label"),
    ],
)
def test_columns_of_unequal_length_are_refused_before_anything_is_embedded(
    each: EvaluationSet, lengths: str
) -> None:
    with pytest.raises(ValueError, match=f"columns of a set must be equally long, {lengths}"):
        evaluate(lambda _: pytest.fail("a text was embedded"), {"toy": each})


def drawn(text: str, d: int = 384) -> np.ndarray:
    return np.random.default_rng(list(text.encode())).normal(size=d)


@pytest.mark.parametrize("n", [3, 10, 13, 50])
@pytest.mark.parametrize("place", [0, -1])
def test_a_model_that_finds_all_documents_alike_scores_one_in_n(n: int, place: int) -> None:
    def collapsed(texts: Sequence[str]) -> np.ndarray:
        return np.array([drawn(text if text.startswith("query") else "any") for text in texts])

    queries = [f"query {number}" for number in range(20)]
    corpus = [f"document {number}" for number in range(n)]
    grades = np.eye(n)[place].tolist()
    sets = {
        "corpus": RetrievalSet(queries, corpus, [[place % n]] * 20, depths=(1,)),
        "one query": RetrievalSet(queries[:1], corpus, [[place % n]], depths=(1,)),
        "lists": RankingSet(queries, [corpus] * 20, [grades] * 20),
    }
    found = evaluate(collapsed, sets)
    for name in sets:
        assert found[f"{name}/mrr"] == found[f"{name}/map"] == pytest.approx(1 / n)
        assert found[f"{name}/has_positive@1"] == 0


@pytest.mark.parametrize("marked", [0, 5])
def test_a_copy_that_is_not_marked_stands_before_the_one_that_is(marked: int) -> None:
    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([drawn(text.strip().lower()) for text in texts])

    queries = [f"query {number}" for number in range(50)]
    corpus = ["a", "b", "c", "d", "e", " A", "f"]
    found = evaluate(
        embed,
        {
            "corpus": RetrievalSet(queries, corpus, [[marked]] * 50),
            "lists": RankingSet(queries, [corpus] * 50, [np.eye(7)[marked].tolist()] * 50),
        },
    )
    assert found["corpus/has_positive@1"] == found["lists/has_positive@1"] == 0
