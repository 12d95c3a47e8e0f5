import inspect

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from bscl_jax import metrics

RELATIVE = 1e-12  # float64 sums in another order


def random_lists(num_queries=30):
    """Lists of 2 to 12 candidates with distinct scores and whole grades from 0 to 3."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 13, num_queries)
    scores = [rng.permutation(length).astype(float) for length in lengths]
    grades = [rng.integers(0, 4, length).astype(float) for length in lengths]
    grades[4][:] = 0  # a query without a positive
    return scores, grades


def test_a_hand_computed_example():
    # Grades in ranked order: 0.5 1.0 0.0 | 1.0 0.25
    scores = [np.array([0.1, 0.9, 0.5]), np.array([2.0, 1.0])]
    grades = [np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.25])]
    found = metrics.ranking(scores, grades, ks=(1, 2))
    gain, ideal = 0.5 + 1 / np.log2(3), 1 + 0.5 / np.log2(3)
    assert found == {
        "mrr": 0.75,
        "map": 0.75,
        "precision@1": 0.5,
        "has_positive@1": 0.5,
        "ndcg@1": 0.75,
        "precision@2": 0.5,
        "has_positive@2": 1.0,
        "ndcg@2": pytest.approx((gain / ideal + 1) / 2),
    }


def test_the_values_of_each_query_are_those_of_its_list_alone():
    scores, grades = random_lists()
    values = metrics.ranking_by_query(scores, grades)
    for query in (0, 4, 29):
        alone = metrics.ranking(scores[query : query + 1], grades[query : query + 1])
        assert {name: each[query] for name, each in values.items()} == alone
    skipped = metrics.ranking_by_query(scores, grades, no_positive="skip")
    assert len(skipped["mrr"]) == sum(each.max() > 0.5 for each in grades) < len(grades)


def test_it_equals_trec_eval_where_nothing_ties():
    scores, grades = random_lists()
    run, judged = (
        {
            str(q): {str(document): kind(value) for document, value in enumerate(values)}
            for q, values in enumerate(lists)
        }
        for lists, kind in ((scores, float), (grades, int))
    )
    wanted = {"recip_rank", "map", "P.1,5", "success.1,5", "ndcg_cut.1,5"}
    by_query = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run).values()
    found = metrics.ranking(scores, grades)
    names = {"mrr": "recip_rank", "map": "map"}
    for k in (1, 5):
        names |= {f"precision@{k}": f"P_{k}", f"has_positive@{k}": f"success_{k}"}
        names |= {f"ndcg@{k}": f"ndcg_cut_{k}"}
    assert set(names) == set(found)
    for ours, theirs in names.items():
        expected = np.mean([values[theirs] for values in by_query])
        assert found[ours] == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("k", [1, 3])
def test_ndcg_equals_scikit_learn_on_graded_labels(k):
    rng = np.random.default_rng(1)
    scores, grades = rng.permutation(80).reshape(8, 10).astype(float), rng.random((8, 10))
    found = metrics.ranking(list(scores), list(grades), ks=(k,))
    assert found[f"ndcg@{k}"] == pytest.approx(ndcg_score(grades, scores, k=k), rel=RELATIVE)


def test_it_equals_retrieval_on_lists_of_equal_length():
    rng = np.random.default_rng(2)
    similarities = rng.integers(0, 6, (20, 9)).astype(float)  # with ties
    grades = (rng.random((20, 9)) < 0.3).astype(float)
    grades[:, 0] = 1
    relevant = [np.flatnonzero(row).tolist() for row in grades]
    expected = metrics.retrieval(similarities, relevant)
    found = metrics.ranking(list(similarities), list(grades))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=RELATIVE)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1)
)
def test_ties_give_the_worst_that_any_order_of_the_tied_could(candidates):
    scores, grades = (np.array(values) for values in zip(*candidates, strict=True))
    found = metrics.ranking([scores], [grades])
    rng = np.random.default_rng(0)
    for _ in range(5):
        untied = scores + 0.5 * rng.random(len(scores))
        other = metrics.ranking([untied], [grades])
        assert all(found[name] <= other[name] + RELATIVE for name in found)


def test_a_query_without_a_positive_counts_zero_or_is_left_out():
    scores = [np.array([2.0, 1.0]), np.array([2.0, 1.0])]
    grades = [np.array([1.0, 0.0]), np.array([0.5, 0.0])]  # 0.5 is not above the threshold
    zero = metrics.ranking(scores, grades, ks=(1,))
    assert zero["mrr"] == zero["map"] == zero["precision@1"] == zero["has_positive@1"] == 0.5
    assert zero["ndcg@1"] == 1.0
    assert set(metrics.ranking(scores, grades, ks=(1,), no_positive="skip").values()) == {1.0}


def test_the_threshold_decides_what_is_positive():
    scores, grades = [np.array([2.0, 1.0])], [np.array([1.0, 2.0])]
    assert metrics.ranking(scores, grades, threshold=0.5)["mrr"] == 1.0
    assert metrics.ranking(scores, grades, threshold=1.0)["mrr"] == 0.5


ONE = np.array([1.0])


@pytest.mark.parametrize(
    ("scores", "grades", "options", "message"),
    [
        ([ONE], [ONE, ONE], {}, "equally many queries, got 1 and 2"),
        ([ONE, ONE], [ONE, np.ones(2)], {}, "query 1 has 1 scores and 2 grades"),
        (ONE, ONE, {}, r"an array of candidates for each query, query 0 has shapes \(\) and \(\)"),
        ([ONE], [np.ones((1, 2))], {}, r"query 0 has shapes \(1,\) and \(1, 2\)"),
        ([np.zeros(0)], [np.zeros(0)], {}, "query 0 has 0 scores and 0 grades"),
        ([np.array([np.nan])], [ONE], {}, "scores must not be nan, query 0"),
        ([ONE], [np.array([-1.0])], {}, r"grades must be finite and ≥ 0, query 0 holds \[-1.0\]"),
        ([ONE], [np.array([np.nan])], {}, r"grades must be finite and ≥ 0, query 0 holds \[nan\]"),
        ([ONE, ONE], [ONE, np.inf * ONE], {}, r"grades must be finite .*, query 1 holds \[inf\]"),
        ([ONE], [ONE], {"no_positive": "drop"}, "no_positive must be one of zero, skip, got 'drop"),
        ([ONE], [ONE], {"ks": (0,)}, r"ks must be depths ≥ 1, got \(0,\)"),
        ([], [], {}, "no query is left to measure"),
        ([ONE], [0 * ONE], {"no_positive": "skip"}, "of 1 none has a grade above 0.5"),
    ],
)
def test_a_mistake_is_named_with_its_value(scores, grades, options, message):
    unchecked = inspect.unwrap(metrics.ranking_by_query)  # jaxtyping would speak first
    with pytest.raises(ValueError, match=message):
        unchecked(scores, grades, **options)
