import pytest

from bscl_jax.data import DataError, check_overlap, load_task
from bscl_jax.types import Pairs, RetrievalSet
from tests.data.formats import FORMATS, write_as

TRAIN = {"query": ["q1", "q2"], "target": ["a", "not in the corpus"]}
DEV = {"query": ["q3", "q4", "q3 "], "target": ["d", "b", "a "]}
CORPUS = {"target": ["a", "b", "c", "b ", "d"]}


def write(folder, name, suffix="tsv", **columns):
    return write_as(suffix, folder, name, columns)


@pytest.fixture
def files(tmp_path):
    return write_all(tmp_path, "tsv")


def write_all(folder, suffix):
    parts = {"train": TRAIN, "dev": DEV, "corpus": CORPUS}
    return {part: write(folder, part, suffix, **columns) for part, columns in parts.items()}


@pytest.mark.parametrize("suffix", FORMATS)
def test_queries_have_one_answer_or_several_in_a_corpus_in_every_format(tmp_path, suffix):
    task = load_task("retrieval", **write_all(tmp_path, suffix))
    assert task.train == Pairs(("q1", "q2"), ("a", "not in the corpus"))
    assert task.dev["retrieval"] == RetrievalSet(
        queries=("q3", "q4"), corpus=("a", "b", "c", "d"), relevant=((0, 3), (1,)), depths=(1, 5)
    )
    assert task.test == {}
    assert task.counts["corpus/rows"] == 5


def test_the_corpus_may_have_a_column_of_another_name(files, tmp_path):
    corpus = write(tmp_path, "other", text=CORPUS["target"])
    columns = {"query": "query", "target": "target", "corpus": "text"}
    task = load_task("retrieval", **(files | {"corpus": corpus}), columns=columns)
    assert task.dev["retrieval"].corpus == ("a", "b", "c", "d")


def test_the_depths_are_those_asked_for(files):
    assert load_task("retrieval", **files, depths=[3, 50]).dev["retrieval"].depths == (3, 50)
    for depths in ([], [0, 5]):
        with pytest.raises(ValueError, match="depths must be numbers from 1 on, was"):
            load_task("retrieval", **files, depths=depths)


def test_only_labels_above_the_threshold_answer_and_queries_without_are_counted(files, tmp_path):
    files["train"] = write(tmp_path, "graded", **TRAIN, grade=[0, 2])
    files["dev"] = write(tmp_path, "judged", **DEV, grade=[2, 0, 1])
    columns = {"query": "query", "target": "target", "label": "grade"}
    options = {"columns": columns, "label_range": [0, 2]}
    task = load_task("retrieval", **files, **options)
    assert task.train.scores == (0.0, 1.0)
    assert task.dev["retrieval"].queries == ("q3",)
    assert task.dev["retrieval"].relevant == ((3,),)
    assert task.counts["dev/queries_without_positive"] == 1
    lenient = load_task("retrieval", **files, **options, threshold=0.4)
    assert lenient.dev["retrieval"].relevant == ((0, 3),)


def test_labels_none_of_which_is_above_the_threshold_cannot_judge(files, tmp_path):
    files["train"] = write(tmp_path, "graded", **TRAIN, label=[0, 1])
    files["dev"] = write(tmp_path, "judged", **DEV, label=[0, 0, 0])
    columns = {name: name for name in ("query", "target", "label")}
    with pytest.raises(DataError, match=r"judged.tsv: no label is above the threshold 0.5, so"):
        load_task("retrieval", **files, columns=columns)


def test_an_answer_that_is_not_in_the_corpus_is_placed(files, tmp_path):
    dev = write(tmp_path, "dev", query=["q3", "q4"], target=["a", "x"])
    with pytest.raises(DataError) as caught:
        load_task("retrieval", **(files | {"dev": dev}))
    assert str(caught.value) == (
        f"{dev}, line 3, column 'target': 'x' is not in the corpus; add it there or delete the row"
    )


def test_such_an_answer_can_be_passed_over_and_is_counted(files, tmp_path):
    dev = write(tmp_path, "dev", query=["q3", "q4"], target=["a", "x"])
    corpus = write(tmp_path, "corpus", target=["a", "b", " "])
    task = load_task("retrieval", **(files | {"dev": dev, "corpus": corpus}), on_error="skip")
    assert task.dev["retrieval"].relevant == ((0,),)
    assert (task.counts["dev/rows"], task.counts["dev/rows_rejected"]) == (1, 1)
    assert (task.counts["corpus/rows"], task.counts["corpus/rows_rejected"]) == (2, 1)
    assert {row.source: row.place for row in task.rejected} == {
        str(dev): "line 3",
        str(corpus): "line 4",
    }


def test_a_corpus_that_cannot_be_read_hides_no_mistakes_of_the_others(files, tmp_path):
    dev = write(tmp_path, "dev", query=["q3", ""], target=["a", "x"])
    with pytest.raises(DataError) as caught:
        load_task("retrieval", **(files | {"dev": dev, "corpus": "no.tsv"}))
    missing, hole = str(caught.value).splitlines()
    assert missing.startswith("no.tsv: no such file")
    assert "dev.tsv, line 3, column 'query': the text is empty" in hole


def test_training_pairs_may_have_hard_negatives(files, tmp_path):
    files["train"] = write(tmp_path, "hard", **TRAIN, negative=["b", None])
    columns = {name: name for name in ("query", "target", "negative")}
    assert load_task("retrieval", **files, columns=columns).train.negatives == (("b",), ())


@pytest.mark.parametrize("columns", [{"query": "a"}, {"query": "a", "target": "b", "doc": "c"}])
def test_columns_must_name_query_and_target_and_nothing_unknown(files, columns):
    with pytest.raises(ValueError, match="query, target and, if there is one, label, corpus, and"):
        load_task("retrieval", **files, columns=columns)


def test_dev_and_test_must_be_different_files_of_different_answers(files, tmp_path):
    with pytest.raises(DataError, match="dev and test are the same file"):
        load_task("retrieval", **files, test=files["dev"])
    again = {name: list(reversed(cells)) for name, cells in DEV.items()}
    with pytest.raises(DataError, match="dev and test hold the same 3 pairs, so the test would"):
        load_task("retrieval", **files, test=write(tmp_path, "test", **again))


def test_what_stands_in_two_splits_is_counted(files, tmp_path):
    test = write(tmp_path, "test", query=["q1", "q3", "q4"], target=["a", "b", "b"])
    overlap = check_overlap(load_task("retrieval", **files, test=test))
    assert overlap["train/test/pairs"] == overlap["train/test/queries"] == 1
    assert overlap["dev/test/queries"] == 2
    assert overlap["dev/test/pairs"] == 1
    assert overlap["train/dev/targets"] == 1
    assert overlap["train/dev/pairs"] == 0
