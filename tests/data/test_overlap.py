import pytest

from bscl_jax.data import check_overlap
from bscl_jax.types import BinaryPairs, Pairs, RankingSet, RetrievalSet, ScoredPairs, Task

TRAIN = Pairs(["q1", "q2", "q2"], ["t1", "t2", "t3"])


def test_splits_without_common_texts_overlap_nowhere():
    task = Task(
        TRAIN,
        {"pairs": ScoredPairs(["a"], ["b"], [1.0])},
        {"pairs": RetrievalSet(["c"], ["d", "t1"], [[0]])},
    )
    overlap = check_overlap(task)
    assert set(overlap.values()) == {0}
    assert len(overlap) == 9


@pytest.mark.parametrize(
    "each",
    [
        ScoredPairs(["q1 ", "x"], ["t1", "t2"], [1.0, 0.0]),
        BinaryPairs(["q1 ", "x"], ["t1", "t2"], [1, 0]),
        RetrievalSet(["q1 ", "x"], ["t1", "t2", "t3"], [[0], [1]]),
        RankingSet(["q1 ", "x"], [["t1"], ["t2"]], [[1.0], [0.0]]),
    ],
)
def test_every_kind_of_set_is_compared_with_training_and_with_the_other_split(each):
    overlap = check_overlap(Task(TRAIN, {"one": each}, {"two": each}))
    for splits, queries, pairs in (("train/dev", 1, 1), ("train/test", 1, 1), ("dev/test", 2, 2)):
        assert overlap[f"{splits}/queries"] == queries
        assert overlap[f"{splits}/targets"] == 2
        assert overlap[f"{splits}/pairs"] == pairs


def test_a_candidate_that_answers_nothing_is_no_target():
    sets = {"seen": RetrievalSet(["q"], ["t1", "t2"], [[1]])}
    assert check_overlap(Task(TRAIN, sets, {}))["train/dev/targets"] == 1


def test_every_document_of_a_ranking_is_judged_and_so_a_target():
    sets = {"lists": RankingSet(["q1", "x"], [["t1", "t2"], ["u"]], [[0.0, 1.0], [1.0]])}
    overlap = check_overlap(Task(TRAIN, sets, {}))
    assert overlap["train/dev/queries"] == 1
    assert overlap["train/dev/targets"] == 2
    assert overlap["train/dev/pairs"] == 1


def test_common_queries_count_once_and_by_content():
    sets = {
        "one": RetrievalSet([" q2 ", "x"], ["t"], [[0], [0]]),
        "two": ScoredPairs(["q2"], ["u"], [1.0]),
    }
    overlap = check_overlap(Task(TRAIN, {}, sets))
    assert overlap["train/test/queries"] == 1
    assert overlap["train/test/pairs"] == 0
    assert overlap["train/dev/queries"] == 0


def test_a_pair_counts_whichever_way_round():
    task = Task(
        TRAIN,
        {"pairs": ScoredPairs(["t1", "q2"], ["q1", "t1"], [1.0, 0.0])},
        {"pairs": ScoredPairs(["q1"], ["t1"], [1.0])},
    )
    overlap = check_overlap(task)
    assert overlap["train/dev/pairs"] == 1
    assert overlap["train/test/pairs"] == 1
    assert overlap["dev/test/pairs"] == 1
    assert overlap["dev/test/queries"] == 0
