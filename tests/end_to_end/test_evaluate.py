"""Scores of a model without training."""

import json

import pytest

from bscl_jax.cli import main
from tests.cli.conftest import USER_MISTAKE
from tests.data.tasks.small_files import WRITERS
from tests.end_to_end import tiny


def evaluate(*arguments: str) -> int:
    return main(["evaluate", *arguments])


def test_a_run_before_training_scores_as_its_baseline(reference, tiny_config, tmp_path):
    scores = tmp_path / "scores.json"
    status = evaluate("--config", str(tiny_config), "--output", str(scores), "--split", "test")
    assert status == 0
    found = json.loads(scores.read_text())
    assert found["test"] == tiny.results(reference)["baseline"]
    assert "dev" not in found


def test_the_exported_model_scores_as_the_run_says(reference, tiny_config, tmp_path):
    scores = tmp_path / "scores.json"
    model = ["--model", str(reference / "model")]
    assert evaluate("--config", str(tiny_config), *model, "--output", str(scores)) == 0
    found, results = json.loads(scores.read_text()), tiny.results(reference)
    for split in ("dev", "test"):
        assert found[split] == pytest.approx(results[split])
    assert str(reference / "model") in found["model"]


def test_the_table_names_every_set_and_measure(tiny_config, capsys):
    assert evaluate("--config", str(tiny_config)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in ("pairs", "mrr", "map", "has_positive@1", "has_positive@5", "dev", "test"):
        assert word in out


def test_a_kind_of_data_and_a_model_need_no_config(reference, tmp_path):
    folder, scores = WRITERS["stsb"](tmp_path / "stsb"), tmp_path / "scores.json"
    status = evaluate(
        *("--data", "stsb", "--set", f"data.path={folder}"),
        *("--model", str(reference / "model"), "--output", str(scores)),
    )
    assert status == 0
    assert set(json.loads(scores.read_text())["test"]) == {"pairs/spearman", "pairs/pearson"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "stsb"], "evaluate --data needs --model"),
        (["--data", "riddles", "--model", "x"], "data.kind: must be one of"),
        (["--data", "stsb", "--model", "x", "--set", "data.path=/no"], "/no: no such folder"),
        (["--config", "no.yaml"], "no.yaml: no such config file"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, capsys):
    assert evaluate(*arguments) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_config_and_a_kind_of_data_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as caught:
        evaluate("--config", "a.yaml", "--data", "stsb")
    assert caught.value.code == USER_MISTAKE
    assert "not allowed with argument --config" in capsys.readouterr().err
