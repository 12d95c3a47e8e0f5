"""What is read."""

import datasets
import pytest

from bscl_jax.data import load_task
from bscl_jax.types import Pairs, RetrievalSet, ScoredPairs
from tests.data.tasks.hub.folders import (
    SPLITS,
    message_of,
    write_plain,
    write_text,
)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_folder_of_files_reads_as_the_same_rows_in_every_format(tmp_path, suffix):
    task = load_task("hub", path=write_plain(tmp_path / suffix, suffix), splits=SPLITS)
    assert task.train == Pairs(("q1", "q2", "q3", "q4"), ("t1", "t2", "t3", "t4"))
    assert task.dev["pairs"] == RetrievalSet(
        queries=("q5", "q6", "q7"), corpus=("t5", "t6"), relevant=((0, 1), (1,), (0,))
    )
    assert task.test == {}


def test_a_split_expression_takes_its_share(plain):
    splits = {"train": "train[:50%]", "dev": "train[50%:]", "test": "validation[-1:]+train[:1]"}
    task = load_task("hub", path=plain, splits=splits)
    assert task.train.queries == ("q1", "q2")
    assert task.dev["pairs"].queries == ("q3", "q4")
    assert task.test["pairs"].queries == ("q7", "q1")


def test_the_order_of_the_splits_does_not_matter(plain):
    task = load_task("hub", path=plain, splits=dict(reversed(SPLITS.items())))
    assert task.train.queries == ("q1", "q2", "q3", "q4")


def test_labels_of_a_data_set_are_brought_to_zero_and_one(graded):
    task = load_task("hub", **graded)
    assert task.train.scores == (0.0, 0.8)
    assert task.dev["pairs"] == ScoredPairs(("a", "c"), ("b", "d"), (0.2, 1.0))


@pytest.mark.parametrize(
    ("grades", "feature"),
    [
        ([0, 1], datasets.Value("int8")),
        ([0, 1], datasets.ClassLabel(names=["other", "same"])),
        ([False, True], datasets.Value("bool")),
        (["0", "1"], datasets.Value("string")),
        ([0.0, 1.0], datasets.Value("float16")),
        (["0", "1"], datasets.Value("string_view")),
    ],
)
def test_a_label_may_be_any_kind_of_number(tmp_path, grades, feature):
    features = datasets.Features(
        query=datasets.Value("string"), target=datasets.Value("large_string"), label=feature
    )
    rows = {"query": ["q", "r"], "target": ["t", "u"], "label": grades}
    (tmp_path / "kinds").mkdir()
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "kinds" / "train.parquet")
    columns = {name: name for name in rows}
    splits = {"train": "train", "dev": "train"}
    task = load_task("hub", path=tmp_path / "kinds", splits=splits, columns=columns)
    assert task.train.scores == (0.0, 1.0)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_a_label_has_the_digits_of_its_own_type(tmp_path, kind):
    features = datasets.Features(
        query=datasets.Value("string"), target=datasets.Value("string"), label=datasets.Value(kind)
    )
    rows = {"query": ["q", "r"], "target": ["t", "u"], "label": [0.1, 0.8]}
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "set" / "train.parquet")
    columns, splits = {name: name for name in rows}, {"train": "train", "dev": "train"}
    options = {"columns": columns, "label_range": (0, 0.8)}
    task = load_task("hub", path=tmp_path / "set", splits=splits, **options)
    assert task.train.scores == (0.125, 1.0)


def test_the_name_picks_the_configuration(tmp_path):
    folder = tmp_path / "two"
    configs = [
        f"- {{config_name: {each}, data_files: [{{split: {split}, path: {each}.csv}}]}}"
        for each, split in (("one", "train"), ("two", "train"))
    ]
    write_text(folder / "README.md", "---", "configs:", *configs, "---")
    write_text(folder / "one.csv", "query,target", "first,t")
    write_text(folder / "two.csv", "query,target", "second,t")
    splits = {"train": "train", "dev": "train"}
    assert load_task("hub", path=folder, splits=splits, name="two").train.queries == ("second",)
    message = message_of(path=folder, splits=splits)
    assert message.startswith(f"{folder}: Config name is missing. Please pick one")
    assert "['one', 'two']" in message
    message = message_of(path=folder, splits=splits, name="three")
    assert "'three' not found. Available: ['one', 'two']" in message


def test_a_folder_named_as_a_format_is_the_folder(tmp_path, monkeypatch):
    write_plain(tmp_path / "csv", "csv")
    write_text(tmp_path / "train.csv", "query,target", "stray,t")
    monkeypatch.chdir(tmp_path)
    task = load_task("hub", path="csv", splits=SPLITS)
    assert task.train.queries == ("q1", "q2", "q3", "q4")


def test_nothing_is_shown_and_the_settings_of_datasets_stay(plain, capfd):
    bars = datasets.utils.are_progress_bars_disabled()
    load_task("hub", path=plain, splits=SPLITS)
    assert capfd.readouterr() == ("", "")
    assert datasets.utils.are_progress_bars_disabled() == bars
