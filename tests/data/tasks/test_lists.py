import numpy as np
import pytest

from bscl_jax.data import DataError, check_overlap, load_task
from bscl_jax.evaluation import evaluate
from bscl_jax.types import Pairs, RankingSet
from tests.data.formats import FORMATS, write_as

TRAIN = {"query": ["q1", "q1", "q2"], "target": ["a", "b", "a"], "label": [3, 1, 2]}
DEV = {
    "query": ["q3", "q4", "q3 ", "q4", "q3"],
    "target": ["a", "b", "c", "d", "e"],
    "label": [3, 1, 2, 1, 1],
}
SCALE = {"label_range": [1, 3]}


def write(folder, name, suffix="tsv", **columns):
    return write_as(suffix, folder, name, columns)


@pytest.fixture
def files(tmp_path):
    return {"train": write(tmp_path, "train", **TRAIN), "dev": write(tmp_path, "dev", **DEV)}


@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_train_as_pairs_and_make_a_list_of_each_query_in_every_format(tmp_path, suffix):
    files = {
        part: write(tmp_path, part, suffix, **columns)
        for part, columns in (("train", TRAIN), ("dev", DEV))
    }
    task = load_task("lists", **files, **SCALE)
    assert task.train == Pairs(("q1", "q1", "q2"), ("a", "b", "a"), (1.0, 0.0, 0.5))
    assert task.dev["lists"] == RankingSet(
        queries=("q3", "q4"),
        documents=(("a", "c", "e"), ("b", "d")),
        grades=((1.0, 0.5, 0.0), (0.0, 0.0)),
    )
    assert task.test == {}


def test_a_list_without_a_positive_stays_and_is_counted(files):
    counts = load_task("lists", **files, **SCALE).counts
    assert (counts["dev/rows"], counts["dev/queries_without_positive"]) == (5, 1)


def test_an_id_tells_queries_of_the_same_text_apart_and_training_needs_none(files, tmp_path):
    ids = ["7", "8", "9", "8", "9"]
    dev = write(tmp_path, "ids", id=ids, **(DEV | {"query": ["q3", "q4", "q3", "q4", "q3"]}))
    columns = {"query_id": "id"} | {name: name for name in ("query", "target", "label")}
    lists = load_task("lists", **(files | {"dev": dev}), columns=columns, **SCALE).dev["lists"]
    assert lists.queries == ("q3", "q4", "q3")
    assert lists.documents == (("a",), ("b", "d"), ("c", "e"))


@pytest.mark.parametrize(("suffix", "unit", "first"), [("tsv", "line", 2), ("parquet", "row", 1)])
def test_an_id_that_stands_for_two_queries_is_placed(files, tmp_path, suffix, unit, first):
    dev = write(tmp_path, "ids", suffix, id=["7", "8", "7", "8", "7"], **DEV)
    columns = {"query_id": "id"} | {name: name for name in ("query", "target", "label")}
    assert load_task("lists", **(files | {"dev": dev}), columns=columns, **SCALE)
    dev = write(tmp_path, "ids", suffix, id=["7", "8", "7", "7", "8"], **DEV)
    with pytest.raises(DataError) as caught:
        load_task("lists", **(files | {"dev": dev}), columns=columns, **SCALE)
    assert str(caught.value).splitlines() == [
        f"{dev}, {unit} {first + 3}, column 'id': '7' is the id of another query in {unit} "
        f"{first}; give each query an id of its own",
        f"{dev}, {unit} {first + 4}, column 'id': '8' is the id of another query in {unit} "
        f"{first + 1}; give each query an id of its own",
        f"2 errors in {dev}",
    ]


def test_a_document_is_positive_above_the_threshold(files):
    vectors = {"q3": [1, 0], "q4": [1, 0], "a": [0, 1], "c": [1, 0], "e": [1, 1]}
    vectors |= {"b": [1, 1], "d": [1, 0]}

    def embed(texts):
        return np.array([vectors[text] for text in texts], np.float32)

    # q3 finds c (0.5), e (0), a (1); q4 has only documents of 0.
    for threshold, mrr, ap in ((0.5, 1 / 3, 1 / 3), (0.4, 1.0, (1 + 2 / 3) / 2)):
        dev = load_task("lists", **files, **SCALE, threshold=threshold).dev
        found = evaluate(embed, dev)
        assert found["lists/mrr"] == pytest.approx(mrr / 2)
        assert found["lists/map"] == pytest.approx(ap / 2)
        assert found["lists/ndcg@1"] == pytest.approx(0.5 / 2)
        assert found["lists/precision@1"] == (threshold < 0.5) / 2


def test_hard_negatives_may_stand_beside_graded_documents(files, tmp_path):
    files["train"] = write(tmp_path, "hard", **TRAIN, wrong=["c", "a", None])
    columns = {"negative": "wrong"} | {name: name for name in ("query", "target", "label")}
    task = load_task("lists", **files, columns=columns, **SCALE)
    assert task.train.negatives == (("c",), (), ())
    assert task.counts["train/negatives_that_are_positives"] == 1


@pytest.mark.parametrize("label", [1, 3])
def test_labels_on_one_side_of_the_threshold_cannot_judge(files, tmp_path, label):
    dev = write(tmp_path, "flat", query=["q", "q"], target=["a", "b"], label=[label, label])
    with pytest.raises(DataError, match=r"flat.tsv: all labels are on one side of the threshold"):
        load_task("lists", **(files | {"dev": dev}), **SCALE)


def test_the_mistakes_of_all_files_are_in_one_message(files, tmp_path):
    dev = write(tmp_path, "dev", query=["q", ""], target=["a", "b"], label=[3, 9])
    with pytest.raises(DataError) as caught:
        load_task("lists", train="no.tsv", dev=dev, test=files["train"], **SCALE)
    missing, hole, outside, total = str(caught.value).splitlines()
    assert missing.startswith("no.tsv: no such file")
    assert "dev.tsv, line 3, column 'query': the text is empty" in hole
    assert "dev.tsv, line 3, column 'label': '9' is outside the scale 1 to 3" in outside
    assert total.startswith("2 errors in")


@pytest.mark.parametrize("columns", [{"query": "a", "target": "b"}, {"query_id": "c"}])
def test_columns_must_name_query_target_and_label(files, columns):
    with pytest.raises(ValueError, match="must name query, target, label and, if there is one, qu"):
        load_task("lists", **files, columns=columns)


@pytest.mark.parametrize("threshold", [-0.1, 1, float("nan")])
def test_a_threshold_that_parts_no_labels_is_refused(files, threshold):
    with pytest.raises(ValueError, match="threshold must be 0 or more and below 1"):
        load_task("lists", **files, threshold=threshold)


def test_dev_and_test_must_be_different_files_of_different_rows(files, tmp_path):
    with pytest.raises(DataError, match="dev and test are the same file"):
        load_task("lists", **files, test=files["dev"], **SCALE)
    again = {name: list(reversed(cells)) for name, cells in DEV.items()}
    test = write(tmp_path, "test", "jsonl", **again)
    with pytest.raises(DataError, match="dev and test hold the same 5 pairs, so the test would"):
        load_task("lists", **files, test=test, **SCALE)


def test_what_stands_in_two_splits_is_counted(files, tmp_path):
    test = {"query": ["q1", "q3", "q9"], "target": ["b ", "x", "y"], "label": [1, 1, 3]}
    task = load_task("lists", **files, test=write(tmp_path, "test", **test), **SCALE)
    overlap = check_overlap(task)
    assert overlap["train/test/pairs"] == overlap["train/test/queries"] == 1
    assert overlap["dev/test/queries"] == 1
    assert overlap["dev/test/pairs"] == overlap["train/dev/queries"] == 0
