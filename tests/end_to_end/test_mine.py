"""Hard negatives mined by a model, and a run that trains on them."""

import dataclasses
import json
from pathlib import Path

import pytest

from bscl_jax import config, data
from bscl_jax.cli import main
from bscl_jax.cli._mine import kept_columns
from tests.cli.conftest import USER_MISTAKE
from tests.end_to_end import tiny


def mine(path: Path, *arguments: str) -> int:
    return main(
        ["mine", "--config", str(path), "--output", str(path.parent / "mined.jsonl"), *arguments]
    )


def columns_of(out: str) -> str:
    """Return the columns that the command says a config needs, as an override."""
    (line,) = [line for line in out.splitlines() if line.startswith("columns  ")]
    return "data.columns=" + line.removeprefix("columns  ")


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_mined_trains_with_the_columns_that_the_command_names(tmp_path, capsys):
    path, mined = tiny.write(tmp_path), tmp_path / "mined.jsonl"
    with (tmp_path / "train.tsv").open("a") as file:
        file.write("no target\n")
    assert mine(path, "--num-negatives", "2", "--set", "data.on_error=skip") == 0
    out = capsys.readouterr().out
    assert "warning: train: 1 of 23 rows were passed over" in out
    assert "mined    44 negatives; 0 of 22 pairs have none" in out
    seven = "training.num_negatives=7"  # as in test_negatives, for the same compiled step
    overrides = (f"data.train={mined}", columns_of(out), seven, *tiny.FAST)
    with tiny.shared_step("hard, one epoch"):
        assert tiny.train(path, tmp_path / "run", *overrides) == 0
    assert "44 hard negatives; 0 more are known positives" in capsys.readouterr().out
    assert tiny.results(tmp_path / "run")["data"]["train/negatives"] == 44


def test_the_file_has_columns_and_scale_of_the_configs_own(tmp_path, capsys):
    path = tiny.write(tmp_path)
    for split in ("train", "dev"):
        text = (tmp_path / f"{split}.tsv").read_text()
        renamed = text.replace("query\ttarget\tgrade", "frage\tantwort\tnote\tfern", 1)
        lines = renamed.splitlines()
        (tmp_path / f"{split}.tsv").write_text(
            "\n".join([lines[0], *(f"{line}\tfar away" for line in lines[1:])]) + "\n"
        )
    columns = "{query: frage, target: antwort, label: note, negative: fern}"
    own = (f"data.columns={columns}", "data.label_range=[0, 5]")
    sets = [word for each in own for word in ("--set", each)]
    assert mine(path, "--num-negatives", "3", *sets, "--set", "data.test=null") == 0
    rows = rows_of(tmp_path / "mined.jsonl")
    assert [row["note"] for row in rows] == [float(7 * i % 6) for i in range(22)]
    assert all(("negative_1" in row) == (row["note"] > 2.5) for row in rows)
    assert not any("fern" in row or "far away" in row.values() for row in rows)
    again = [*own[1:], columns_of(capsys.readouterr().out), "data.test=null"]
    section = config.load(path, [f"data.train={tmp_path / 'mined.jsonl'}", *again]).data
    assert isinstance(section, config.PairsData)
    options = {"columns": section.columns, "label_range": section.label_range}
    task = data.load_task("pairs", train=section.train, dev=section.dev, **options)
    assert task.train.scores == pytest.approx([7 * i % 6 / 5 for i in range(22)], abs=1e-12)
    assert sum(map(len, task.train.negatives or ())) == 3 * sum(row["note"] > 2.5 for row in rows)


def test_what_is_mined_for_a_loss_of_triplets_is_pairs(tmp_path, capsys):
    path = tiny.write(tmp_path)
    assert mine(path, "--set", "loss={kind: triplet, negatives: given}") == 0
    assert "data     pairs, 22 training pairs" in capsys.readouterr().out


def test_ranks_margin_and_guide_reach_the_search(tmp_path, reference, monkeypatch):
    given = {}

    def remember(pairs, embed, **options):
        given.update(options, embed=embed)
        return pairs._replace(negatives=(("far",),) * len(pairs.queries))

    monkeypatch.setattr(data, "mine_negatives", remember)
    path = tiny.write(tmp_path)
    model = str(reference / "model")
    options = ("--ranks", "3", "9", "--margin", "0.25", "--guide", model, "--model", model)
    assert mine(path, *options) == 0
    assert (given["ranks"], given["margin"], given["num_negatives"]) == ((3, 9), 0.25, 5)
    assert given["corpus"] == []
    assert (given["embed"](["where"]) == given["guide"](["where"])).all()


def test_the_corpus_of_dev_can_be_searched_too(tmp_path, capsys):
    path = tiny.write(tmp_path)
    assert (
        mine(path, "--candidates", "corpus", "--num-negatives", "100", "--ranks", "1", "100") == 0
    )
    found = {text for row in rows_of(tmp_path / "mined.jsonl") for text in row.values()}
    assert {target for _, target in tiny.PAIRS["dev"]} <= found
    assert mine(path, "--num-negatives", "100") == 0
    found = {text for row in rows_of(tmp_path / "mined.jsonl") for text in row.values()}
    assert not {target for _, target in tiny.PAIRS["dev"]} & found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "mined.csv"], "mined.csv: the suffix must be one of .jsonl, .tsv"),
        (["--margin", "2"], "no text passed as a negative of any pair; ask for a smaller --margin"),
        (["--ranks", "5", "4"], "ranks must be a first rank of 1 or more and a last one not"),
        (["--model", "/no/such"], "/no/such"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, tiny_config, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = ["mine", "--config", str(tiny_config), "--output", "mined.jsonl", *arguments]
    assert main(whole) == USER_MISTAKE
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_the_data_is_never_written_over(tmp_path, capsys):
    path = tiny.write(tmp_path)
    before = (tmp_path / "train.tsv").read_bytes()
    assert mine(path, "--output", str(tmp_path / "train.tsv")) == USER_MISTAKE
    assert "is data.train of the config; name another file" in capsys.readouterr().err
    assert (tmp_path / "train.tsv").read_bytes() == before


def test_a_folder_that_is_read_as_data_gets_no_file(tmp_path, capsys):
    path = tiny.write(tmp_path)
    (tmp_path / "set").mkdir()
    options = ("--set", f"data={{kind: stsb, path: {tmp_path / 'set'}}}")
    assert mine(path, *options, "--output", str(tmp_path / "set" / "train.tsv")) == USER_MISTAKE
    assert "lies in data.path of the config; name a file elsewhere" in capsys.readouterr().err


def test_what_cannot_be_written_is_known_before_the_search(tmp_path, capsys, monkeypatch):
    path = tiny.write(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    for split, query in {"train": "two\\nlines", "dev": "q"}.items():
        rows = f'{{"query": "{query}", "negative_2": "t"}}\n{{"query": "r", "negative_2": "u"}}\n'
        (tmp_path / f"{split}.jsonl").write_text(rows)
    files = f"train: {tmp_path}/train.jsonl, dev: {tmp_path}/dev.jsonl"
    names = "columns: {query: query, target: negative_2}"
    columns = ("--set", f"data={{kind: pairs, {files}, {names}}}")
    monkeypatch.setattr(data, "mine_negatives", None)
    for options, message in {
        ("--output", str(tmp_path / "folder.jsonl")): "folder.jsonl is a folder; name a file",
        ("--output", str(tmp_path / "a.tsv"), *columns): "cannot hold the tab or line end in",
        columns: "'negative_2' would be the name of two columns",
    }.items():
        assert mine(path, *options) == USER_MISTAKE
        assert message in capsys.readouterr().err


def test_of_a_data_set_the_columns_of_pairs_are_kept():
    columns = {"query": "q", "target": "t", "label": "l", "query_id": "id", "negative_1": "n"}
    section = config.HubData(
        kind="hub",
        path="me/set",
        splits={"train": "train", "dev": "validation"},
        form="lists",
        columns=columns,
    )
    whole = dataclasses.replace(config.load("configs/quickstart.yaml"), data=section)
    assert kept_columns(whole) == {"query": "q", "target": "t", "label": "l"}


def test_data_without_a_corpus_has_none_to_search(tmp_path, capsys):
    path = tiny.write(tmp_path)
    sets = [word for each in tiny.GRADED for word in ("--set", each)]
    assert mine(path, "--candidates", "corpus", *sets) == USER_MISTAKE
    assert "--candidates corpus needs data whose dev queries are" in capsys.readouterr().err
