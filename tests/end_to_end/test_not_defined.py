"""Runs on test and dev sets that cannot be measured: a reason everywhere, and no NaN anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from bscl_jax import metrics
from bscl_jax.cli import main
from tests.cli.conftest import USER_MISTAKE
from tests.conftest import REPOSITORY
from tests.data.tasks.small_files import PAIR, WRITERS, write
from tests.end_to_end import tiny
from tests.end_to_end.test_tasks import SMALL

MRPC = REPOSITORY / "configs" / "mrpc" / "bsc.yaml"
ALIKE = "pairs: f1, best_f1, accuracy, average_precision (all labels are 1)"


def read(path: Path) -> Any:
    """Read JSON as others do: NaN and Infinity are none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{path} holds {name}")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def write_alike(folder: Path, split: str) -> Path:
    """Write pairs of which all of one split are alike."""
    rows = [f"a text on {i}\ta book on {i}\t1" for i in range(4)]
    write(WRITERS["mrpc"](folder), f"{split}.tsv", PAIR, *rows)
    return folder


def test_a_test_split_of_one_label_leaves_a_run_without_scores_and_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_alike(tmp_path / "data", "test"), tmp_path / "run"
    settings = (f"data.path={data}", *SMALL, "export.format=sentence_transformers")
    assert tiny.train(MRPC, run, *settings) == 0
    out, err = capsys.readouterr()
    assert f"not defined on test {ALIKE}" in out
    assert err == ""
    results = tiny.results(run)
    assert results["baseline"] == results["test"] == results["intervals"] == {}
    reasons = {f"pairs/{name}": "all labels are 1" for name in ("f1", "best_f1", "accuracy")}
    reasons["pairs/average_precision"] = "all labels are 1"
    assert results["not_defined"] == {"baseline": reasons, "dev": {}, "test": reasons}
    assert results["threshold"] is not None
    for text in ((run / "report.html").read_text(), (run / "model" / "README.md").read_text()):
        assert f"test {ALIKE}" in text
        assert "nan" not in text.casefold().split()
    assert read(run / "metrics.jsonl")[0] == {"event": "baseline", "test": {}}

    scores = tmp_path / "scores.json"
    model = ("--model", str(run / "model"), "--output", str(scores))
    assert main(["evaluate", "--data", "mrpc", "--set", f"data.path={data}", *model]) == 0
    assert f"not defined on test {ALIKE}" in capsys.readouterr().out
    assert json.loads(scores.read_text())["not_defined"] == {"dev": {}, "test": reasons}


def test_a_dev_split_of_one_label_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_alike(tmp_path / "data", "dev")
    assert tiny.train(MRPC, tmp_path / "run", f"data.path={data}", *SMALL) == USER_MISTAKE
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().err == (
        "bscl-jax: evaluation.measure: pairs/f1 is not defined on dev (all labels are 1); give a "
        "dev split with rows of more than one kind, or choose a measure of another set\n"
    )


def test_a_dev_measure_beside_the_chosen_one_may_be_not_defined(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spearman_of = metrics.correlation
    monkeypatch.setattr(metrics, "correlation", lambda *a: spearman_of(*a) | {"pearson": None})
    run = tmp_path / "run"
    assert tiny.train(tiny_config, run, *tiny.GRADED, *tiny.FAST) == 0
    reason = "similarities or grades differ by rounding only"
    not_defined = {"baseline": {}, "dev": {"pairs/pearson": reason}, "test": {}}
    assert tiny.results(run)["not_defined"] == not_defined
    assert tiny.results(run)["dev"]["pairs/pearson"] is None
    read(run / "metrics.jsonl")
    report = (run / "report.html").read_text()
    assert f"dev pairs: pearson ({reason})" in report
    assert "dev pearson</text>" not in report
