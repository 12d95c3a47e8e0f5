"""What the batches hold: before training, in a run and in its report."""

import json
from pathlib import Path

import numpy as np
import pytest

from bscl_jax.cli import main
from tests.cli.conftest import USER_MISTAKE
from tests.end_to_end import tiny
from tests.end_to_end.test_negatives import hard as hard
from tests.end_to_end.test_settings import SHUFFLINGS

OF_TEXTS = ("batches", "distinct_queries", "duplicates", "known_positives")


def batches(config: Path, output: Path, *overrides: str, options: tuple[str, ...] = ()) -> dict:
    sets = [word for each in overrides for word in ("--set", each)]
    command = ["batches", "--config", str(config), "--output", str(output), *sets, *options]
    assert main(command) == 0
    return json.loads(output.read_text())


def duplicates(order: np.ndarray) -> float:
    """The share that share a target, "ask at the desk": no query of the data comes twice."""
    targets = [tiny.PAIRS["train"][row][1] for row in order]
    couples = [
        targets[i] == targets[j]
        for start in range(0, len(order), 8)
        for i in range(start, min(start + 8, len(order)))
        for j in range(start, min(start + 8, len(order)))
        if i != j
    ]
    return float(np.mean(couples))


@pytest.mark.parametrize("kind", SHUFFLINGS)
def test_every_kind_of_shuffling_can_be_looked_at(kind, tiny_config, tmp_path):
    found = batches(tiny_config, tmp_path / "facts.json", SHUFFLINGS[kind], "training.epochs=1")
    (record,) = found["epochs"]
    assert record["epoch"] == 1
    assert record["batches"] == record["sampled_batches"] == tiny.NUM_BATCHES
    assert record["distinct_queries"] == pytest.approx(22 / 3, abs=1e-6)
    assert record["duplicates"] == record["known_positives"]
    assert -1 < record["similarity"] < 1
    assert 0 < record["hard"] < 1
    assert not (tmp_path / "run").exists()


def test_a_saved_order_is_the_one_that_is_looked_at(tiny_config, tmp_path):
    for name, order in {"apart": np.arange(22), "mixed": np.arange(22)[::-1] * 5 % 22}.items():
        path = tmp_path / f"{name}.txt"
        path.write_text("".join(f"{row}\n" for row in order))
        settings = f"shuffling={{kind: file, path: {path}}}"
        (record, again) = batches(tiny_config, tmp_path / "facts.json", settings)["epochs"]
        assert record["duplicates"] == pytest.approx(duplicates(order), abs=1e-6)
        assert record == again | {"epoch": 1}


def test_the_first_epoch_of_a_run_holds_what_was_foretold(reference, tiny_config, tmp_path):
    first, second = batches(tiny_config, tmp_path / "facts.json")["epochs"]
    of_run = json.loads((reference / "orders" / "epoch-001.json").read_text())
    assert of_run["sampled_batches"] == 1
    assert [of_run[name] for name in OF_TEXTS] == [first[name] for name in OF_TEXTS]
    assert second["epoch"] == 2


def test_more_epochs_and_another_model_can_be_asked_for(reference, tiny_config, tmp_path):
    model = ("--epochs", "3", "--model", str(reference / "model"))
    trained = batches(tiny_config, tmp_path / "trained.json", options=model)
    initial = batches(tiny_config, tmp_path / "initial.json")
    assert [record["epoch"] for record in trained["epochs"]] == [1, 2, 3]
    assert str(reference / "model") in trained["model"]
    assert trained["epochs"][0]["hard"] < initial["epochs"][0]["hard"]


STAGES = """stages=[{training: {epochs: 1}, shuffling: {kind: random}}, {training: {epochs: 2}}]"""


@pytest.mark.parametrize(("options", "epochs"), [((), [1, 2, 3]), (("--epochs", "2"), [1, 2])])
def test_the_epochs_of_all_stages_can_be_looked_at(options, epochs, tiny_config, tmp_path):
    found = batches(tiny_config, tmp_path / "facts.json", STAGES, options=options)
    assert [record["epoch"] for record in found["epochs"]] == epochs
    assert found["shuffling"] == "random, then by_example"


def test_the_table_says_what_its_words_mean(tiny_config, capsys):
    assert main(["batches", "--config", str(tiny_config), "--epochs", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in (
        "3 batches an epoch",
        "batches of 8 pairs",
        "duplicates",
        "hard if they are",
        "by_example",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--config", "no.yaml"], "no.yaml: no such config file"),
        (["--model", "/no/model"], "no model folder at /no/model"),
        (["--set", "training.batch_size=99"], "training.batch_size"),
        (["--set", STAGES, "--epochs", "4"], "--epochs must be at most 3, those of all stages"),
    ],
)
def test_a_mistake_is_one_message(options, message, tiny_config, capsys):
    assert main(["batches", "--config", str(tiny_config), *options]) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_the_report_of_a_run_shows_each_epoch(reference):
    html = (reference / "report.html").read_text()
    assert "<h2>Batches</h2>" in html
    assert "similarity of the negatives, at the start of the epoch" in html
    for epoch in (1, 2):
        record = json.loads((reference / f"orders/epoch-00{epoch}.json").read_text())
        assert record["epoch"] == epoch
        assert f'<td class="number">{record["similarity"]:.3f}</td>' in html


def test_looking_at_the_batches_changes_no_step_and_can_be_left_out(
    reference, tiny_config, tmp_path
):
    folder = tmp_path / "run"
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder, "training.report_batches=false") == 0
    assert (folder / "metrics.jsonl").read_bytes() == (reference / "metrics.jsonl").read_bytes()
    assert not list((folder / "orders").glob("*.json"))
    assert "<h2>Batches</h2>" not in (folder / "report.html").read_text()


def test_hard_negatives_of_the_data_are_counted_apart(hard, tmp_path, capsys):
    settings = (tiny.HARD, "training.epochs=1")
    (record,) = batches(hard, tmp_path / "facts.json", *settings)["epochs"]
    assert record["extras"] == 7  # 8 of 22 pairs with 19 negatives, rounded up
    assert record["extra_similarity"] != record["similarity"]
    assert 0 < record["extra_hard"] < 1
    assert f"{record['extra_similarity']:.3f}" in capsys.readouterr().out


def test_a_loss_without_use_for_hard_negatives_has_none_in_its_batches(hard, tmp_path):
    settings = (tiny.HARD, "training.epochs=1", "loss={kind: cosine_mse}")
    (record,) = batches(hard, tmp_path / "facts.json", *settings)["epochs"]
    assert "extras" not in record
