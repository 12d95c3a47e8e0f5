import numpy as np
import pytest
import pytrec_eval
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

from bscl_jax import metrics

RELATIVE = 1e-12  # float64 sums in another order


def random_set(num_queries=40, num_documents=60):
    """Similarities without ties, which trec_eval would break by name, and lists of relevant."""
    rng = np.random.default_rng(0)
    similarities = rng.permuted(
        np.broadcast_to(np.arange(num_documents), (num_queries, num_documents)), axis=1
    ).astype(np.float32)
    relevant = [
        rng.choice(num_documents, rng.integers(1, 6), replace=False).tolist()
        for _ in range(num_queries)
    ]
    return similarities, relevant


def test_a_hand_computed_example():
    similarities = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.9, 0.5, 0.3]])
    # ranks 1 and 3; rank 4
    found = metrics.retrieval(similarities, [[0, 2], [0]], ks=(1, 3, 5))
    assert found == {
        "mrr": pytest.approx((1 + 1 / 4) / 2),
        "map": pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2),
        "has_positive@1": 0.5,
        "has_positive@3": 0.5,
        "has_positive@5": 1.0,
    }


def test_the_values_of_each_query_are_those_of_its_row_alone():
    similarities, relevant = random_set()
    values = metrics.retrieval_by_query(similarities, relevant)
    for query in (0, 39):
        alone = metrics.retrieval(similarities[query : query + 1], relevant[query : query + 1])
        assert {name: each[query] for name, each in values.items()} == alone


def test_the_default_depths_are_1_and_5():
    found = metrics.retrieval(np.eye(3), [[0], [1], [2]])
    assert list(found) == ["mrr", "map", "has_positive@1", "has_positive@5"]
    assert set(found.values()) == {1.0}
    assert all(type(value) is float for value in found.values())


def test_it_equals_trec_eval_where_nothing_ties():
    similarities, relevant = random_set()
    judged = {str(q): {str(document): 1 for document in r} for q, r in enumerate(relevant)}
    run = {
        str(q): {str(document): float(value) for document, value in enumerate(row)}
        for q, row in enumerate(similarities)
    }
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank", "map", "success.1,5"})
    by_query = evaluator.evaluate(run).values()
    found = metrics.retrieval(similarities, relevant)
    names = {
        "mrr": "recip_rank",
        "map": "map",
        "has_positive@1": "success_1",
        "has_positive@5": "success_5",
    }
    for ours, theirs in names.items():
        expected = np.mean([values[theirs] for values in by_query])
        assert found[ours] == pytest.approx(expected, rel=RELATIVE)


def test_it_equals_scikit_learn_where_nothing_ties():
    similarities, relevant = random_set()
    labels = np.zeros(similarities.shape, int)
    for query, documents in enumerate(relevant):
        labels[query, documents] = 1
    found = metrics.retrieval(similarities, relevant)
    # scikit-learn computes in the type of the scores, with some versions of NumPy.
    expected = label_ranking_average_precision_score(labels, similarities.astype(np.float64))
    assert found["map"] == pytest.approx(expected, rel=RELATIVE)
    single = [documents[0] for documents in relevant]
    found = metrics.retrieval(similarities, [[document] for document in single], ks=(5,))
    expected = top_k_accuracy_score(single, similarities, k=5, labels=np.arange(60))
    assert found["has_positive@5"] == pytest.approx(expected, rel=RELATIVE)


def test_float32_and_float64_similarities_give_the_same():
    similarities, relevant = random_set()
    assert metrics.retrieval(similarities, relevant) == metrics.retrieval(
        similarities.astype(np.float64), relevant
    )


def test_a_collapsed_model_scores_near_zero():
    found = metrics.retrieval(np.ones((5, 100)), [[q] for q in range(5)])
    assert found == {"mrr": 0.01, "map": 0.01, "has_positive@1": 0.0, "has_positive@5": 0.0}


def test_no_query_is_refused():
    with pytest.raises(ValueError, match="at least one query, got none"):
        metrics.retrieval(np.zeros((0, 3)), [])


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match=r"ks must be depths ≥ 1, got \(0, 5\)"):
        metrics.retrieval(np.eye(2), [[0], [1]], ks=(0, 5))
