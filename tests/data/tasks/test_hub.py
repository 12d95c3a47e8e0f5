import json
import shutil
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.types import Pairs, RankingSet, RetrievalSet, ScoredPairs

SPLITS = {"train": "train", "dev": "validation"}
LABELLED = {"query": "sentence1", "target": "sentence2", "label": "grade"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def write_parquet(path: Path, **columns) -> None:
    path.parent.mkdir(exist_ok=True)
    datasets.Dataset.from_dict(columns).to_parquet(path)


def write_text(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_plain(folder: Path, suffix: str) -> Path:
    for split, rows in {
        "train": [("q1", "t1"), ("q2", "t2"), ("q3", "t3"), ("q4", "t4")],
        "validation": [("q5", "t5"), ("q6", "t6"), ("q5", "t6 "), ("q7", "t5")],
    }.items():
        path = folder / f"{split}.{suffix}"
        queries, targets = zip(*rows, strict=True)
        if suffix == "parquet":
            write_parquet(path, query=queries, target=targets)
        elif suffix == "csv":
            write_text(path, "query,target", *(",".join(row) for row in rows))
        else:
            write_text(path, *(json.dumps({"query": q, "target": t}) for q, t in rows))
    return folder


@pytest.fixture
def plain(tmp_path):
    return write_plain(tmp_path / "plain", "parquet")


@pytest.fixture
def graded(tmp_path):
    rows = {"sentence1": ["a", "c"], "sentence2": ["b", "d"]}
    write_parquet(tmp_path / "graded" / "train.parquet", **rows, grade=[0.0, 4.0])
    write_parquet(tmp_path / "graded" / "validation.parquet", **rows, grade=[1.0, 5.0])
    return {
        "path": str(tmp_path / "graded"),
        "splits": SPLITS,
        "columns": LABELLED,
        "label_range": [0, 5],
    }


def message_of(error=DataError, **options) -> str:
    with pytest.raises(error) as caught:
        load_task("hub", **({"splits": SPLITS} | options))
    return str(caught.value)


# What is read


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


# The hub


@pytest.fixture
def hub(monkeypatch, plain):
    """A hub that answers, and what it and ``datasets`` were asked."""
    asked = []

    def info(self, name, **options):
        asked.append((name, options["revision"]))

    def load_dataset(path, name, *, revision, split):
        asked.append((path, name, revision, datasets.config.HF_HUB_OFFLINE))
        return [datasets.Dataset.from_dict({"query": ["q"], "target": ["t"]}) for _ in split]

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    return asked


def test_name_and_revision_reach_the_hub(hub):
    task = load_task("hub", path="owner/set", splits=SPLITS, name="one", revision="v2")
    assert hub == [("owner/set", "v2"), ("owner/set", "one", "v2", False)]
    assert task.train.queries == ("q",)


def test_a_hub_out_of_reach_is_asked_once(hub, monkeypatch):
    def fail(self, name, **options):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", fail)
    load_task("hub", path="owner/set", splits=SPLITS)
    assert hub == [("owner/set", None, None, True)]
    assert datasets.config.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("RepositoryNotFoundError", "owner/set: no such folder and no such data set on the hub"),
        ("GatedRepoError", "owner/set: no such folder and no such data set on the hub"),
        ("RevisionNotFoundError", "owner/set: the hub has no revision 'v9' of it; give a commit"),
    ],
)
def test_what_the_hub_has_not_got_is_named(hub, monkeypatch, error, message):
    kind = getattr(huggingface_hub.errors, error)

    def refuse(self, name, **options):
        raise kind.__new__(kind)

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    assert message_of(FileNotFoundError, path="owner/set", revision="v9").startswith(message)


def test_without_network_and_cache_the_error_says_so():
    message = message_of(FileNotFoundError, path="owner/set")
    assert message.startswith("owner/set: no such folder, not in the cache of the hub, and the hub")
    assert message.endswith("check the path, connect to the network, or unset HF_HUB_OFFLINE")


@pytest.fixture
def cached(cache, plain):
    """A data set of the hub in the cache, as an earlier run leaves it."""
    datasets.load_dataset(str(plain), split="train")
    (made,) = (path.parent for path in cache.rglob("dataset_info.json"))
    copy = cache / "owner___set" / "default" / "0.0.0" / COMMIT
    shutil.copytree(made, copy)
    for path in copy.glob("*.arrow"):
        path.rename(copy / path.name.replace("plain-", "set-"))
    return "owner/set"


@pytest.mark.parametrize("revision", [None, COMMIT])
def test_without_network_the_cached_copy_is_used(cached, revision):
    task = load_task("hub", path=cached, splits=SPLITS, revision=revision)
    assert task.train.queries == ("q1", "q2", "q3", "q4")


def test_a_cached_copy_of_another_commit_is_refused(cached):
    message = message_of(FileNotFoundError, path=cached, revision="main")
    assert f"the commit in its cache is {COMMIT}, not revision 'main'" in message


# What is refused


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
        (float("nan"), "'nan' is not a finite number; write a number from 0 to 5"),
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


# Other forms of rows


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
