"""Runs on data with hard negatives, and with rows that cannot be used."""

import json
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import assemble, config
from tests.end_to_end import tiny


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run with one or no negative in most rows, one of them the row's own target."""
    return tiny.write_hard(tmp_path_factory.mktemp("hard"))


def test_a_run_with_hard_negatives_counts_them_and_says_so(hard, tmp_path, capsys):
    with tiny.shared_step("hard, one epoch"):
        assert tiny.train(hard, tmp_path / "run", tiny.HARD, *tiny.FAST) == 0
    out = capsys.readouterr().out
    assert "19 hard negatives; 1 more are known positives of their query and were left out" in out
    counts = tiny.results(tmp_path / "run")["data"]
    assert counts["train/rows"] == 22
    assert (counts["train/negatives"], counts["train/negatives_that_are_positives"]) == (19, 1)
    assert "train/negatives_that_are_positives" not in (tmp_path / "run/report.html").read_text()


def test_hard_negatives_change_the_loss_and_a_loss_without_softmax_says_that_it_has_no_use(
    hard, tmp_path, capsys
):
    mse = "loss={kind: cosine_mse}"
    losses, alike = {}, ("training.dropout_epochs=0",)  # other rows would have other masks
    for name, overrides in {"none": (), "hard": (tiny.HARD,), "mse": (tiny.HARD, mse)}.items():
        assert tiny.train(hard, tmp_path / name, *overrides, *alike, *tiny.FAST) == 0
        losses[name] = tiny.records(tmp_path / name, "step")[0]["loss"]
    assert losses["hard"] > losses["none"] + 0.1
    assert "the loss cosine_mse has no use for hard negatives" in capsys.readouterr().out


@pytest.mark.parametrize("chunk_size", ["null", "4"])
def test_the_step_of_a_run_sees_a_fixed_number_of_extras(hard, chunk_size):
    overrides = [tiny.HARD, f"training.chunk_size={chunk_size}"]
    road = assemble.lay_road(config.load(hard, overrides))
    order = road.order(road.state.params, 1)
    extras = {road.batch(order, k).extras.shape for k in range(tiny.NUM_BATCHES)}
    assert extras == {(7,)}  # 8 of 22 pairs with 19 negatives, rounded up
    _, facts = road.step(1)(road.state, road.batch(order, 0), None)
    assert np.isfinite(float(facts["loss"]))


def test_a_run_on_triplets_has_the_negative_of_each_row_in_its_batches(hard, tmp_path, capsys):
    triplets = "loss={kind: triplet, negatives: given}"
    overrides = (tiny.HARD, triplets, *tiny.FAST)
    assert tiny.train(hard, tmp_path / "run", *overrides) == 0
    assert "19 training triplets" in capsys.readouterr().out
    assert "19 training triplets" in (tmp_path / "run" / "report.html").read_text()
    losses = tiny.losses(tmp_path / "run")
    assert len(losses) == 3
    assert tiny.is_finite(dict(enumerate(losses)))
    road = assemble.lay_road(config.load(hard, [*overrides, "training.packing=false"]))
    order = road.order(road.state.params, 1)
    batch = road.batch(order, 0)
    for row, ids, mask in zip(order, *batch.extras[:2], strict=False):
        (negative,) = road.task.train.negatives[row]
        assert ids[mask].tolist() == road.encoder.tokenize([negative])[0]


def test_a_run_with_hard_negatives_resumes_bit_for_bit(hard, tmp_path):
    overrides = (tiny.HARD, "export.format=none")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with tiny.shared_step("hard"):
        assert tiny.train(hard, whole, *overrides) == 0
        assert tiny.train(hard, broken, *overrides) == 0
        for path in (broken / "results.json", *sorted((broken / "checkpoints").iterdir())[-1:]):
            remove(path)
        assert tiny.train(hard, broken, *overrides, resume=True) == 0
    assert (broken / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert tiny.results(broken) == tiny.results(whole)


def remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()
    else:
        path.unlink()


def spoil(folder: Path) -> Path:
    path = tiny.write(folder)
    with (folder / "train.tsv").open("a") as file:
        file.write("\tno query\t1\nno target\n")
    return path


@pytest.mark.parametrize("on_error", ["skip", "quarantine"])
def test_rows_that_cannot_be_used_are_passed_over_and_kept_if_asked_for(tmp_path, capsys, on_error):
    path, folder = spoil(tmp_path), tmp_path / "run"
    assert tiny.train(path, folder, f"data.on_error={on_error}", *tiny.FAST) == 0
    assert "warning: train: 2 of 24 rows were passed over" in capsys.readouterr().out
    assert tiny.results(folder)["data"]["train/rows_rejected"] == 2
    assert "train/rows rejected: 2" in (folder / "report.html").read_text()
    kept = folder / "quarantine.jsonl"
    assert kept.is_file() == (on_error == "quarantine")
    if kept.is_file():
        rows = [json.loads(line) for line in kept.read_text().splitlines()]
        assert [row["place"] for row in rows] == ["line 24", "line 25"]
        assert rows[0]["row"] == ["", "no query", "1"]
        assert rows[1]["problem"].startswith("the row has 1 cell, the header 3")


def test_what_stands_in_two_splits_is_in_the_results_and_the_report(tmp_path):
    path = tiny.write(tmp_path)
    first = (tmp_path / "train.tsv").read_text().splitlines()[1]
    with (tmp_path / "dev.tsv").open("a") as file:
        file.write(first + "\n")
    assert tiny.train(path, tmp_path / "run", *tiny.FAST) == 0
    counts = tiny.results(tmp_path / "run")["data"]
    assert counts["train/dev/queries_in_both"] == counts["train/dev/pairs_in_both"] == 1
    assert "train/dev/pairs in both: 1" in (tmp_path / "run/report.html").read_text()
