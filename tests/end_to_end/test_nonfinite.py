"""Runs in which a loss is not a number at one step, and what can be seen of it afterwards."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from bscl_jax.assemble import _road, _steps
from bscl_jax.cli import main
from tests.cli.conftest import USER_MISTAKE
from tests.end_to_end import tiny

BAD_STEP = 5
"""The second of the second epoch; steps 2, 3 (the end of the first) and 4 have checkpoints."""
SAME_COMPUTATION = 1e-6
"""Of the loss, compiled with and without the update."""


@pytest.fixture(autouse=True)
def bad_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the weights of one batch NaN."""
    by_epoch = _steps.by_epoch

    def spoiled(*arguments: Any) -> Callable:
        function_of = by_epoch(*arguments)

        def take(epoch: int, state: Any, batch: Any, key: Any) -> Any:
            taken = isinstance(state.step, jax.Array)  # or compiled ahead, of shapes alone
            if taken and int(state.step) == BAD_STEP - 1:
                batch = batch._replace(weights=batch.weights * np.float32("nan"))
            return function_of(epoch)(state, batch, key)

        return lambda epoch: lambda *arguments: take(epoch, *arguments)

    for module in (_steps, _road):
        monkeypatch.setattr(module, "by_epoch", spoiled)


def test_a_run_that_ends_says_which_step_and_replay_shows_its_gradients(
    tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tmp_path / "run", tmp_path / "found.json"
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder) == USER_MISTAKE
    error = capsys.readouterr().err
    assert f"loss is nan at step {BAD_STEP} (epoch 2, batch 1); " in error
    assert f"bscl-jax replay {folder} shows the gradients" in error
    left = json.loads((folder / "nonfinite.json").read_text())
    lines = (folder / "orders/epoch-002.txt").read_text().splitlines()
    order = [int(line) for line in lines if not line.startswith("#")]
    assert left == {
        **{"step": BAD_STEP, "epoch": 2, "batch": 1, "loss": "nan", "gradient_norm": "nan"},
        **{"seed": 3, "checkpoint": 4, "rows": order[8:16]},
    }

    before = tiny.hashes(folder)
    assert main(["replay", str(folder), "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert (found["step"], found["loss"], found["gradient_norm"]) == (BAD_STEP, "nan", "nan")
    leaves = found["leaves"].values()
    assert all(isinstance(leaf["norm"], float) for leaf in leaves)
    out = capsys.readouterr().out
    assert "loss      nan" in out
    assert f"of {len(leaves)} parameters" in out
    assert "encoder/layer_0/query/kernel" in found["leaves"]

    assert main(["replay", str(folder), "--step", "2", "--output", str(output)]) == 0
    found, logged = json.loads(output.read_text()), tiny.records(folder, "step")[1]
    for name in ("loss", "gradient_norm"):
        assert found[name] == pytest.approx(logged[name], rel=SAME_COMPUTATION)
    assert tiny.hashes(folder) == before


def test_a_step_that_is_skipped_is_logged_and_a_resume_across_it_is_exact(
    tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, again = tmp_path / "run", tmp_path / "again"
    settings = ("training.on_nonfinite=skip", "export.format=none")
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder, *settings) == 0
        assert f"step {BAD_STEP} (epoch 2, batch 1) skipped" in capsys.readouterr().out
        (skip,) = tiny.records(folder, "skip")
        assert (skip["step"], skip["loss"], skip["gradient_norm"]) == (BAD_STEP, None, None)
        assert len(tiny.records(folder, "step")) == tiny.NUM_EPOCHS * tiny.NUM_BATCHES - 1
        shutil.copytree(folder, again)
        (again / "results.json").unlink()
        shutil.rmtree(max((again / "checkpoints").iterdir()))
        assert tiny.train(tiny_config, again, *settings, resume=True) == 0
    assert (again / "metrics.jsonl").read_bytes() == (folder / "metrics.jsonl").read_bytes()
    assert tiny.newest_checkpoint(again) == tiny.newest_checkpoint(folder)


def test_replay_of_a_run_that_nothing_ended_asks_for_a_step_and_names_the_last(
    reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(reference)]) == USER_MISTAKE
    assert "no loss or gradient ended the run; name a step with --step" in capsys.readouterr().err
    assert main(["replay", str(reference), "--step", "99"]) == USER_MISTAKE
    assert "--step must be at most 6, the last step of the run" in capsys.readouterr().err
