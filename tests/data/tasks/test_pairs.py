import os
from pathlib import Path

import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.types import Pairs, RetrievalSet, ScoredPairs
from tests.data.formats import FORMATS, write_as

LABELLED = {"query": "sentence1", "target": "sentence2", "label": "grade"}


def write(path: Path, *rows: str, header: str = "query\ttarget") -> str:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def plain(tmp_path):
    return {
        "train": write(tmp_path / "train.tsv", "q1\tt1", "q2\tt2"),
        "dev": write(tmp_path / "dev.tsv", "q3\tt3", "q4\tt4", "q3\tt4 ", "q5\tt3"),
    }


@pytest.fixture
def graded(tmp_path):
    header = "sentence1\tsentence2\tgrade"
    return {
        "train": write(tmp_path / "train.tsv", "a\tb\t0", "c\td\t4", header=header),
        "dev": write(tmp_path / "dev.tsv", "e\tf\t1", "g\th\t5", header=header),
        "columns": LABELLED,
        "label_range": [0, 5],
    }


def test_pairs_without_labels_train_as_positives(plain):
    task = load_task("pairs", **plain)
    assert task.train == Pairs(("q1", "q2"), ("t1", "t2"))
    assert task.test == {}


def test_pairs_without_labels_are_judged_by_retrieval_in_which_equal_texts_are_one(plain):
    dev = load_task("pairs", **plain).dev["pairs"]
    assert dev == RetrievalSet(
        queries=("q3", "q4", "q5"), corpus=("t3", "t4"), relevant=((0, 1), (1,), (0,))
    )


def test_labels_are_brought_to_zero_and_one(graded):
    task = load_task("pairs", **graded)
    assert task.train.scores == (0.0, 0.8)
    assert task.dev["pairs"] == ScoredPairs(("e", "g"), ("f", "h"), (0.2, 1.0))


def test_the_lowest_label_need_not_be_zero(graded, tmp_path):
    header = "sentence1\tsentence2\tgrade"
    graded["train"] = write(tmp_path / "antique.tsv", "a\tb\t1", "c\td\t3", header=header)
    task = load_task("pairs", **(graded | {"label_range": (1, 5)}))
    assert task.train.scores == (0.0, 0.5)


def test_a_test_file_makes_a_test_set(plain, tmp_path):
    test = write(tmp_path / "test.tsv", "q9\tt9")
    assert load_task("pairs", **plain, test=test).test["pairs"].queries == ("q9",)


def test_dev_and_test_must_be_different_files(plain, tmp_path):
    (tmp_path / "again.tsv").symlink_to(plain["dev"])
    for test in (plain["dev"], os.path.relpath(plain["dev"]), tmp_path / "again.tsv"):
        with pytest.raises(DataError, match="dev and test are the same file"):
            load_task("pairs", **plain, test=test)


@pytest.mark.parametrize(
    "columns",
    [{"query": "a"}, {"query": "a", "target": "b", "labels": "c"}, {}],
)
def test_columns_must_name_query_and_target_and_nothing_unknown(plain, columns):
    with pytest.raises(ValueError, match="columns must name query, target and, if there is one"):
        load_task("pairs", **plain, columns=columns)


def test_query_and_target_cannot_be_one_column(plain):
    with pytest.raises(ValueError, match="a column of its own for each part"):
        load_task("pairs", **plain, columns={"query": "query", "target": "query"})


def test_the_mistakes_of_all_files_are_in_one_message(plain, tmp_path):
    plain |= {"dev": write(tmp_path / "hole.tsv", "q\t", "q\tt"), "test": "no.tsv"}
    with pytest.raises(DataError) as caught:
        load_task("pairs", **plain)
    hole, missing = str(caught.value).splitlines()
    assert "hole.tsv, line 2, column 'target': the text is empty" in hole
    assert missing.startswith("no.tsv: no such file")


@pytest.mark.parametrize("label_range", [[5], [0, 1, 2], [5, 0], [1, 1], [0, float("nan")]])
def test_a_label_range_has_two_ends_that_rise(graded, label_range):
    with pytest.raises(ValueError, match=r"label_range must be a lowest and a highest label, got"):
        load_task("pairs", **(graded | {"label_range": label_range}))


def test_a_label_outside_the_range_is_placed(graded):
    with pytest.raises(DataError, match=r"train.tsv, line 3, column 'grade': '4' is outside"):
        load_task("pairs", **(graded | {"label_range": [0, 1]}))


def test_labels_that_are_all_equal_cannot_judge(graded, tmp_path):
    header = "sentence1\tsentence2\tgrade"
    graded["dev"] = write(tmp_path / "flat.tsv", "a\tb\t1", "c\td\t1", header=header)
    with pytest.raises(DataError, match=r"flat.tsv: all labels are equal"):
        load_task("pairs", **graded)


def test_equal_labels_may_train(graded, tmp_path):
    header = "sentence1\tsentence2\tgrade"
    graded["train"] = write(tmp_path / "flat.tsv", "a\tb\t5", "c\td\t5", header=header)
    assert load_task("pairs", **graded).train.scores == (1.0, 1.0)


def test_columns_of_negatives_are_read_by_rising_number_and_may_have_empty_cells(plain, tmp_path):
    header = "query\ttarget\tfar\tnear\tlast"
    rows = "q1\tt1\tf1\tn1\tl1", "q2\tt2\t\t \tl2", "q3\tt3\t\t\t"
    plain["train"] = write(tmp_path / "hard.tsv", *rows, header=header)
    columns = {"query": "query", "target": "target"}
    columns |= {"negative_10": "last", "negative_2": "far", "negative_1": "near"}
    task = load_task("pairs", **plain, columns=columns)
    assert task.train.negatives == (("n1", "f1", "l1"), ("l2",), ())


def test_a_negative_that_is_a_known_positive_is_left_out_and_counted(plain, tmp_path):
    rows = "q1\tt1\tt2", "q1\tt2\tn", "q2\tt3\tt3 ", "q2\tt4\tt1"
    plain["train"] = write(tmp_path / "hard.tsv", *rows, header="query\ttarget\tnegative")
    columns = {name: name for name in ("query", "target", "negative")}
    task = load_task("pairs", **plain, columns=columns)
    assert task.train.negatives == ((), ("n",), (), ("t1",))
    assert task.counts["train/negatives"] == 2
    assert task.counts["train/negatives_that_are_positives"] == 2


def test_negatives_in_json_may_be_null_or_missing(plain, tmp_path):
    path = tmp_path / "hard.jsonl"
    path.write_text(
        '{"query": "a", "target": "b", "negative": "c"}\n'
        '{"query": "d", "target": "e", "negative": null}\n'
        '{"query": "f", "target": "g"}\n'
    )
    columns = {name: name for name in ("query", "target", "negative")}
    task = load_task("pairs", train=path, dev=plain["dev"], columns=columns)
    assert task.train.negatives == (("c",), (), ())


@pytest.mark.parametrize("suffix", FORMATS)
def test_triplets_with_labels_are_read_from_every_format(tmp_path, suffix):
    rows = {"query": ["q", "é"], "target": ['a "b', "c, d"], "label": [4, 1.5]}
    dev = write_as(suffix, tmp_path, "dev", rows)
    train = write_as(suffix, tmp_path, "train", rows | {"negative": ["n", None]})
    columns = {name: name for name in ("query", "target", "label", "negative")}
    task = load_task("pairs", train=train, dev=dev, columns=columns, label_range=(0, 5))
    queries, targets, scores = ("q", "é"), ('a "b', "c, d"), (0.8, 0.3)
    assert task.train == Pairs(queries, targets, scores, (("n",), ()))
    assert task.dev["pairs"] == ScoredPairs(queries, targets, scores)


@pytest.mark.parametrize("part", ["negative_0", "negative_01", "negatives", "negative_"])
def test_other_names_of_negatives_are_unknown(plain, part):
    columns = {"query": "query", "target": "target", part: "n"}
    with pytest.raises(ValueError, match="of hard negatives negative, negative_1, negative_2, …;"):
        load_task("pairs", **plain, columns=columns)


def test_a_test_file_with_the_pairs_of_dev_is_refused_whatever_its_name_and_order(plain, tmp_path):
    test = write(tmp_path / "test.tsv", "q5\tt3", "q3\tt4", "q4 \tt4", "q3\tt3")
    with pytest.raises(DataError, match="dev and test hold the same 4 pairs, so the test would"):
        load_task("pairs", **plain, test=test)
    test = write(tmp_path / "test.tsv", "q5\tt3", "q3\tt4", "q4 \tt4")
    assert load_task("pairs", **plain, test=test).test["pairs"].queries == ("q5", "q3", "q4 ")
