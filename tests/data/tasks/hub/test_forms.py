"""Rows of other forms: graded lists, a corpus."""

import pytest

from bscl_jax.data import load_task
from bscl_jax.types import Pairs, RankingSet, RetrievalSet
from tests.data.tasks.hub.folders import (
    SPLITS,
    message_of,
    write_parquet,
)

MISSING = "the text is empty; fill the cell or delete the row"


@pytest.fixture
def lists(tmp_path):
    rows = {"query": ["q1", "q1", "q2"], "target": ["a", "b", "c"], "grade": [2, 0, 1]}
    for split in ("train", "validation"):
        write_parquet(tmp_path / "lists" / f"{split}.parquet", id=[7, 8, 7], **rows)
    columns = {"query": "query", "target": "target", "label": "grade"}
    folder = str(tmp_path / "lists")
    return {"path": folder, "form": "lists", "columns": columns, "label_range": [0, 2]}


def test_rows_of_a_data_set_may_be_graded_lists(lists):
    task = load_task("hub", splits=SPLITS, **lists, threshold=0.4)
    assert task.train == Pairs(("q1", "q1", "q2"), ("a", "b", "c"), (1.0, 0.0, 0.5))
    assert task.dev["lists"] == RankingSet(
        ("q1", "q2"), (("a", "b"), ("c",)), ((1.0, 0.0), (0.5,)), threshold=0.4
    )


def test_ids_of_queries_may_be_numbers_and_are_checked(lists):
    lists["columns"] |= {"query_id": "id"}
    place = f"{lists['path']}, split 'validation', row 3, column 'id'"
    message = message_of(**lists)
    assert message.startswith(f"{place}: '7' is the id of another query in row 1")


def test_an_id_that_is_not_a_number_is_missing(lists, tmp_path):
    rows = {"query": ["q1", "q2"], "target": ["a", "b"], "grade": [2, 0], "id": [7.0, float("nan")]}
    for split in ("train", "validation"):
        write_parquet(tmp_path / "lists" / f"{split}.parquet", **rows)
    lists["columns"] |= {"query_id": "id"}
    assert f"row 2, column 'id': {MISSING}" in message_of(**lists)


def test_a_split_of_a_data_set_may_be_the_corpus_of_others(plain):
    write_parquet(plain / "test.parquet", query=[None] * 3, target=["t5", "t6", "t9"])
    splits = SPLITS | {"corpus": "test"}
    task = load_task("hub", path=plain, splits=splits, form="retrieval", depths=(2,))
    assert task.dev["retrieval"] == RetrievalSet(
        ("q5", "q6", "q7"), ("t5", "t6", "t9"), ((0, 1), (1,), (0,)), depths=(2,)
    )
    assert task.counts["corpus/rows"] == 3


@pytest.mark.parametrize(
    ("form", "more", "rule"),
    [
        ("retrieval", {}, "splits must name train, dev, corpus and, if there is one, test; got"),
        ("pairs", {"corpus": "train"}, "splits must name train, dev and, if there is one, test;"),
        ("triples", {}, "form must be one of pairs, lists, retrieval, got 'triples'"),
    ],
)
def test_the_form_says_which_splits_there_are(plain, form, more, rule):
    assert rule in message_of(ValueError, path=plain, form=form, splits=SPLITS | more)


@pytest.mark.parametrize("form", ["pairs", "lists", "retrieval"])
def test_dev_and_test_of_the_same_rows_are_refused_whatever_their_splits(tmp_path, form):
    rows = {"query": ["q", "r"], "target": ["t", "u"], "label": [1, 0]}
    write_parquet(tmp_path / "same" / "train.parquet", **rows)
    splits = {"train": "train", "dev": "train", "test": "train[:50%]+train[50%:]"}
    splits |= {"corpus": "train"} if form == "retrieval" else {}
    columns = {name: name for name in rows}
    message = message_of(path=tmp_path / "same", splits=splits, form=form, columns=columns)
    assert message.startswith(f"dev and test hold the same {1 if form == 'retrieval' else 2} pairs")
