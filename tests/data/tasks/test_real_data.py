"""The sizes of the real data sets, where they are present."""

import pytest

from bscl_jax.data import check_overlap, load_task
from bscl_jax.types import BinaryPairs, RankingSet, RetrievalSet, ScoredPairs
from tests.data.tasks.real_data import find


def sizes(each) -> tuple[int, int]:
    """Return the number of queries and of judged or searched texts."""
    if isinstance(each, RankingSet):
        return len(each.queries), sum(map(len, each.documents))
    if isinstance(each, RetrievalSet):
        return len(each.queries), len(each.corpus)
    return len(each.first), len(each.second)


@pytest.mark.parametrize(
    ("kind", "folder", "train", "dev", "test"),
    [
        ("stsb", "stsb", 5749, (1500, 1500), (1379, 1379)),
        ("mrpc", "mrpc", 3668, (408, 408), (1725, 1725)),
        ("qqp", "qqp", 13212, (2000, 2000), (5000, 5000)),
        ("cqa_a", "cqa-a", 3790, (244, 2440), (315, 3148)),
        ("cqa_b", "cqa-b", 1958 + 670, (50, 500), (70, 700)),
    ],
)
def test_every_row_of_the_real_files_is_there(kind, folder, train, dev, test):
    task = load_task(kind, path=find(folder))
    assert len(task.train.queries) == train
    assert [sizes(each) for each in task.dev.values()] == [dev]
    assert [sizes(each) for each in task.test.values()] == [test]


def test_the_claims_are_searched_as_one_where_their_texts_are_equal():
    task = load_task("pfcc_s", path=find("pfcc-s"))
    dev, test = task.dev["claims"], task.test["claims"]
    assert sizes(test) == (198, 10_369)  # 199 rows: one tweet comes twice
    assert isinstance(dev, RetrievalSet)
    assert len(task.train.queries) + sum(map(len, dev.relevant)) == 800
    assert len({claim for found in dev.relevant for claim in found}) == 63  # a tenth of 634


def test_negatives_by_rank_are_seven_for_each_tweet():
    plain = load_task("pfcc_s", path=find("pfcc-s")).train
    ranked = load_task("pfcc_s", path=find("pfcc-s"), negatives="ranks").train
    assert len(ranked.queries) == 14 * len(plain.queries)  # 100, 200, …, 6,400 of 10,369
    assert ranked.targets[:14:2] == plain.targets[:1] * 7


def test_five_questions_of_2015_are_left_out_since_they_are_in_the_test():
    task = load_task("cqa_a", path=find("cqa-a"), extra=True)
    with_all = 3790 + 3405
    assert len(task.train.queries) < with_all
    plain = load_task("cqa_a", path=find("cqa-a"))
    assert check_overlap(task)["train/test/queries"] == check_overlap(plain)["train/test/queries"]
    further = len(set(task.train.queries)) - len(set(plain.train.queries))
    assert further == 609 - 5


def test_the_real_grades_are_on_their_scales():
    stsb = load_task("stsb", path=find("stsb"))
    assert stsb.train.scores is not None
    assert (min(stsb.train.scores), max(stsb.train.scores)) == (0.0, 1.0)
    test = stsb.test["pairs"]
    assert isinstance(test, ScoredPairs)
    assert max(test.scores) == 5.0


def test_the_drawn_questions_are_the_same_everywhere():
    train = load_task("qqp", path=find("qqp"), num_train=10_000).train
    assert len(train.queries) == 10_000
    dev = load_task("qqp", path=find("qqp")).dev["pairs"]
    assert isinstance(dev, BinaryPairs)
    assert not set(zip(train.queries, train.targets, strict=True)) & set(
        zip(dev.first, dev.second, strict=True)
    )
