"""The rows of docs/results.md and how its tables come about."""

import importlib
import json
import sys

import numpy as np
import pytest

from bscl_jax import config
from bscl_jax.types import Pairs
from tests.benchmarks.scripts import BENCHMARKS

DOCS = BENCHMARKS.parent / "docs"
ONE = {
    "measures": {"pairs/f1": ["F1 × 100", 100], "pairs/accuracy": ["accuracy", 1]},
    "compare": [["mse", "bsc"], ["mse", "combo"]],
    "rows": {
        "before": {"title": "before"},
        "mse": {"title": "MSE", "paper": [89.08]},
        "bsc": {"title": "BSC", "paper": [86.7]},
        "combo": {"title": "combo"},
    },
}


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("results")
    for name in ("results", "results_tables", "results_peer", "results_figure"):
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def peer(script):
    return sys.modules["results_peer"]


@pytest.fixture(scope="module")
def make(script):
    return sys.modules["results_tables"]


@pytest.fixture(scope="module")
def tables(script):
    return script.read(script.ROWS)


def scores(*values: float, seeds: list[int] | None = None) -> dict:
    both = {"pairs/f1": list(values), "pairs/accuracy": list(values)}
    before = {name: [0.5] * len(values) for name in both}
    return {"seeds": seeds or [*range(len(values))], "before": before, "after": both}


def test_a_row_is_a_config_of_its_task(script, tables) -> None:
    for name, task in tables.items():
        for key, row in task["rows"].items():
            if key != "before":
                path, overrides = script.settings_of(task, key)
                found = config.load(path, overrides)
                assert found.data.kind == name.removesuffix("_random")
                kind = "random" if name.endswith("_random") else "pretrained"
                assert found.encoder.kind == kind
            assert len(row.get("paper", [])) <= len(task["measures"])


def test_a_peer_is_like_a_row_and_what_is_compared_is_there(peer, tables) -> None:
    for name, task in tables.items():
        peers = [row for row in task["rows"].values() if "peer" in row]
        assert all(row["peer"] in peer.LOSSES and row["like"] in task["rows"] for row in peers)
        both = tables.get(f"{name}_random", task)["rows"]
        assert all({*pair} <= {*both} for pair in task["compare"])


def test_random_weights_make_a_table_without_the_papers_figures(tables) -> None:
    assert tables["cqa_b_random"]["paper"] == "cqa_b"
    assert not any("paper" in row for row in tables["cqa_b_random"]["rows"].values())
    assert "bsc_texts" in tables["cqa_b_random"]["rows"]
    assert "bsc_texts" not in tables["cqa_b"]["rows"]
    assert "qqp_random" not in tables


def test_a_table_has_what_was_measured_and_the_papers_figures(make) -> None:
    rows = {"mse": scores(0.8, 0.9), "bsc": scores(0.75)}
    made = make.make_table(ONE, rows)
    assert made.splitlines() == [
        "|  | F1 × 100 | accuracy | runs | the paper, BERT-base |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| before | 50.00 | .500 |  |  |",
        "| MSE | 85.00 ± 63.53 | .850 ± .635 | 2 | 89.08 |",
        "| BSC | 75.00 | .750 | 1 | 86.70 |",
    ]
    assert make.make_table(ONE, {}) == "Not measured yet.\n"


def test_differences_are_paired_by_seed(make) -> None:
    rows = {
        "mse": scores(0.8, 0.9, 0.7),
        "bsc": scores(0.5, 0.75, 0.84, seeds=[7, 0, 1]),
        "combo": scores(0.9, seeds=[1]),
    }
    made = make.make_differences({"one": ONE}, "one", rows)
    assert made.splitlines() == [
        "",
        "|  | F1 × 100 | accuracy | pairs of runs | the paper's difference |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| BSC − MSE | −5.50 ± 6.35 | −.055 ± .064 | 2 | −2.38 |",
    ]
    rows["bsc"] = scores(0.9, 1.0, 0.8001)
    made = make.make_differences({"one": ONE}, "one", rows)
    assert "| **+10.00 ± 0.01** | **+.100 ± .000** | 3 |" in made
    rows["bsc"] = scores(0.9, 1.0)
    made = make.make_differences({"one": ONE}, "one", rows)
    assert "| +10.00 ± 0.00 | +.100 ± .000 | 2 |" in made


def test_what_is_gathered_comes_from_the_runs_and_other_seeds_as_known(make, tmp_path) -> None:
    for seed in (10, 2):
        folder = tmp_path / "one" / "bsc" / f"seed-{seed}"
        folder.mkdir(parents=True)
        found = {"pairs/f1": seed / 100, "pairs/accuracy": 0.5, "more": 1.0}
        results = {"baseline": found, "test": found, "dev": {}}
        (folder / "results.json").write_text(json.dumps(results))
    (tmp_path / "one" / "bsc" / "seed-3").mkdir()
    bsc = scores(0.2, 0.9, seeds=[0, 2])
    known = {"one": {"mse": scores(0.1), "bsc": bsc, "gone": scores(0.3)}}
    gathered = make.gather({"one": ONE}, tmp_path, known)
    after = {"pairs/f1": [0.2, 0.02, 0.1], "pairs/accuracy": [0.2, 0.5, 0.5]}
    before = {"pairs/f1": [0.5, 0.02, 0.1], "pairs/accuracy": [0.5, 0.5, 0.5]}
    bsc = {"seeds": [0, 2, 10], "before": before, "after": after}
    assert gathered == {"one": {"mse": scores(0.1), "bsc": bsc}}


def test_the_pages_tables_are_those_of_the_gathered_scores(script, tables) -> None:
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    gathered = json.loads((DOCS / "results.json").read_text(encoding="utf-8"))
    assert script.write_tables(page, tables, gathered) == page
    assert all(f"<!-- {task} -->\n" in page for task in tables)
    assert any(gathered.values())


def test_a_ranking_loss_gets_the_positive_pairs_alone(peer) -> None:
    scored = Pairs(["a", "b", "c"], ["x", "y", "z"], np.array([0.6, 0.7, 0.1]), None)
    assert peer.positives(scored, 0.6) == Pairs(["b"], ["y"], None, None)
    unscored = scored._replace(scores=None)
    assert peer.positives(unscored, 0.6) is unscored


def test_a_peers_best_epoch_is_chosen_on_dev(peer, tmp_path) -> None:
    scored = [{"dev": {"f1": dev}, "test": {"f1": dev / 2}} for dev in (0.5, 0.8, 0.8, 0.7)]
    peer.write_results(tmp_path, scored, "f1")
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["best_epoch"] == 1
    assert (results["baseline"], results["test"]) == ({"f1": 0.25}, {"f1": 0.4})
    first = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert (first["event"], first["epoch"], first["dev"]) == ("evaluation", 0, {"f1": 0.5})


def test_the_figure_has_what_is_compared_and_is_the_same_each_time(script, tmp_path) -> None:
    tables = {"one": {**ONE, "title": "One"}, "one_random": {**ONE, "title": "Two", "paper": "one"}}
    gathered = {"one_random": {"mse": scores(0.8, 0.9, 0.7), "bsc": scores(0.7, 0.85, 0.6)}}
    for name in ("first.svg", "second.svg"):
        script.draw(tables, gathered, tmp_path / name)
    drawn = (tmp_path / "first.svg").read_text()
    assert all(text in drawn for text in ("Two: F1 × 100", "BSC − MSE", "95 % interval"))
    assert "One" not in drawn
    assert "combo" not in drawn
    assert drawn == (tmp_path / "second.svg").read_text()
