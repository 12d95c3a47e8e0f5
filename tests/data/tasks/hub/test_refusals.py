"""What is refused, and where it is said to be."""

from pathlib import Path

import pytest

from bscl_jax.data import load_task
from bscl_jax.types import Pairs
from tests.data.tasks.hub.folders import (
    LABELLED,
    SPLITS,
    message_of,
    write_parquet,
    write_text,
)


def test_a_name_without_owner_is_no_name_on_the_hub():
    message = message_of(FileNotFoundError, path="glue")
    assert message.startswith("glue: no such folder, and names on the hub are OWNER/NAME")


@pytest.mark.parametrize("path", ["/no/such/folder", "./set", "a/b/c", "owner/a--b"])
def test_a_missing_folder_is_named(path):
    assert f"{path}: no such folder" in message_of(FileNotFoundError, path=path)


def test_a_file_is_no_folder(plain):
    message = message_of(path=plain / "train.parquet")
    assert message.endswith(
        "this is a file; give its folder, or load the file as data of kind pairs"
    )


def test_a_folder_has_no_revision(plain):
    message = message_of(ValueError, path=plain, revision="v2")
    assert message == f"{plain} is a folder and has no revision 'v2'; leave it out"


def test_a_folder_without_data_files_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    message = message_of(FileNotFoundError, path=tmp_path / "empty")
    assert message.startswith(f"{tmp_path / 'empty'}: no data files that can be read")
    assert "Parquet, CSV or JSON lines" in message


def test_a_script_is_not_run(tmp_path):
    write_text(tmp_path / "code" / "code.py", "raise SystemExit('ran')")
    message = message_of(path=tmp_path / "code")
    assert "code.py; no code of a data set is run, so give one that consists of data" in message


@pytest.mark.parametrize(
    "splits", [{"train": "train"}, {}, {"train": "train", "dev": "train", "tset": "test"}]
)
def test_splits_must_name_train_and_dev_and_nothing_unknown(plain, splits):
    message = message_of(ValueError, path=plain, splits=splits)
    assert message.startswith("splits must name train, dev and, if there is one, test; got")


@pytest.mark.parametrize("split", ["train[", "", "train[:150%]"])
def test_a_split_that_is_no_expression_is_named(plain, split):
    message = message_of(ValueError, path=plain, splits=SPLITS | {"dev": split})
    assert message.startswith("splits.dev must be a split expression such as validation or train[")
    assert repr(split) in message


def test_an_unknown_split_lists_the_known_ones(plain):
    message = message_of(path=plain, splits=SPLITS | {"dev": "dev"})
    assert message == (
        f"{plain}: Unknown split \"dev\". Should be one of ['train', 'validation']; "
        "give a folder of data files, a configuration (name) and splits that are there"
    )


def test_a_split_without_rows_is_refused(plain):
    message = message_of(path=plain, splits=SPLITS | {"dev": "train[2:2]"})
    assert '"train[2:2]" corresponds to no data' in message


def test_dev_and_test_must_be_different_splits(plain):
    message = message_of(path=plain, splits=SPLITS | {"test": "validation"})
    assert f"{plain}, split 'validation': dev and test are the same split" in message


def test_a_missing_column_lists_those_present_in_every_split(plain):
    columns = {"query": "question", "target": "target"}
    lines = message_of(path=plain, columns=columns).splitlines()
    assert lines == [
        f"{plain}, split '{split}': column 'question' is not in the data set; columns present: "
        "'query', 'target'; name the column as the data set does"
        for split in ("train", "validation")
    ]


def test_columns_are_checked_before_anything_is_loaded():
    with pytest.raises(ValueError, match="columns must name query, target and"):
        load_task("hub", path="owner/set", splits=SPLITS, columns={"query": "a"})


def test_a_column_of_numbers_is_no_text(graded):
    columns = {"query": "grade", "target": "sentence2"}
    message = message_of(**(graded | {"columns": columns}))
    assert "split 'train', column 'grade': must hold texts, holds Value('float64')" in message


def test_a_column_of_lists_is_no_label(tmp_path):
    rows = {"sentence1": ["a"], "sentence2": ["b"], "grade": [[1.0]]}
    write_parquet(tmp_path / "lists" / "train.parquet", **rows)
    splits = {"train": "train", "dev": "train"}
    message = message_of(path=tmp_path / "lists", splits=splits, columns=LABELLED)
    assert "column 'grade': must hold numbers, holds List(" in message


def test_an_empty_and_a_null_text_are_placed(tmp_path):
    rows = {"query": ["q", " ", "r"], "target": ["t", "u", None]}
    write_parquet(tmp_path / "gaps" / "train.parquet", **rows)
    splits = {"train": "train", "dev": "train[:1]"}
    place = f"{tmp_path / 'gaps'}, split 'train'"
    assert message_of(path=tmp_path / "gaps", splits=splits).splitlines() == [
        f"{place}, row 2, column 'query': the text is empty; fill the cell or delete the row",
        f"{place}, row 3, column 'target': the text is empty; fill the cell or delete the row",
        f"2 errors in {place}",
    ]


def test_a_column_of_nulls_is_empty_text(tmp_path):
    write_parquet(tmp_path / "gaps" / "train.parquet", query=["q"], target=[None])
    message = message_of(path=tmp_path / "gaps", splits={"train": "train", "dev": "train"})
    assert "row 1, column 'target': the text is empty" in message


@pytest.mark.parametrize(
    ("grade", "fault"),
    [
        (float("nan"), "'' is not a finite number; write a number from 0 to 5"),
        (None, "'' is not a finite number; write a number from 0 to 5"),
        (-1.0, "'-1.0' is outside the scale 0 to 5; correct it, or give the scale"),
    ],
)
def test_a_label_that_cannot_be_is_placed_in_the_split(graded, grade, fault):
    rows = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "grade": [1.0, grade]}
    write_parquet(Path(graded["path"], "validation.parquet"), **rows)
    place = f"{graded['path']}, split 'validation', row 2, column 'grade'"
    assert message_of(**graded).startswith(f"{place}: {fault}")


def test_rows_count_from_the_start_of_the_expression(graded):
    rows = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "grade": [1.0, 9.0]}
    write_parquet(Path(graded["path"], "validation.parquet"), **rows)
    message = message_of(**(graded | {"splits": SPLITS | {"dev": "validation[1:]"}}))
    assert "split 'validation[1:]', row 1, column 'grade': '9.0'" in message


def test_labels_that_are_all_equal_cannot_judge(graded):
    rows = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "grade": [3.0, 3.0]}
    write_parquet(Path(graded["path"], "validation.parquet"), **rows)
    assert f"{graded['path']}, split 'validation': all labels are equal" in message_of(**graded)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.parquet", b"no parquet"),
        ("train.csv", b"query,target\nq,t\nq,t,x\n"),
        ("train.csv", b"query,target\nq,caf\xe9\n"),
        ("train.jsonl", b'{"query": "q", "target": "t"}\n{"query": "q",}\n'),
    ],
)
def test_a_damaged_file_is_named_on_one_line(tmp_path, name, content, capfd):
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / name).write_bytes(content)
    message = message_of(path=folder, splits={"train": "train", "dev": "train"})
    assert message.startswith(f"{folder}: ")
    assert str(folder / name) in message
    assert message.endswith("; correct or remove the file at fault")
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_files_of_different_columns_are_refused(tmp_path):
    write_parquet(tmp_path / "mixed" / "train.parquet", query=["q"], target=["t"])
    write_parquet(tmp_path / "mixed" / "validation.parquet", question=["q"], target=["t"])
    message = message_of(path=tmp_path / "mixed")
    assert "validation.parquet" in message
    assert "question" in message


def test_negatives_of_a_data_set_may_be_null(tmp_path, plain):
    write_parquet(
        plain / "train.parquet",
        query=["q1", "q2"],
        target=["t1", "t2"],
        hard=["n", None],
        harder=[None, None],
    )
    columns = {"query": "query", "target": "target", "negative_1": "harder", "negative_2": "hard"}
    task = load_task("hub", path=plain, splits=SPLITS, columns=columns)
    assert task.train.negatives == (("n",), ())


def test_rows_of_a_data_set_that_cannot_be_used_can_be_passed_over(plain):
    write_parquet(plain / "train.parquet", query=["q1", "", "q3"], target=["t1", "t2", None])
    task = load_task("hub", path=plain, splits=SPLITS, on_error="skip")
    assert task.train == Pairs(("q1",), ("t1",))
    assert [row.place for row in task.rejected] == ["row 2", "row 3"]
    assert task.counts["train/rows_rejected"] == 2
