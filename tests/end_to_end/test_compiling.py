"""Programs are compiled before they are needed: the training step for every shape of a batch."""

import re
from pathlib import Path
from typing import Any

import jax
import pytest

from bscl_jax import reporting
from tests.end_to_end import tiny

OVERRIDES = ("training={batch_size: 4, num_shapes: 3, epochs: 3, devices: 1}", "export.format=none")
STEP = "jit(step)"

compiled: list[str] = []
"""Programs that jax has lowered for its compiler; a listener cannot be taken away."""


@jax.monitoring.register_event_duration_secs_listener
def _listen(event: str, *_: Any, **facts: Any) -> None:
    if event.endswith("jaxpr_to_mlir_module_duration"):
        compiled.append(str(facts.get("fun_name")))


def programs_at_each_record(
    monkeypatch: pytest.MonkeyPatch, config: Path, folder: Path, *overrides: str, resume=False
) -> list[tuple[str, list[str]]]:
    """Train; return the event of each record, and the programs up to it."""
    samples: list[tuple[str, list[str]]] = []
    show = reporting.TrainingProgress.show

    def look(self: reporting.TrainingProgress, record: dict[str, Any]) -> None:
        samples.append((record["event"], [*compiled]))
        show(self, record)

    compiled.clear()
    monkeypatch.setattr(reporting.TrainingProgress, "show", look)
    assert tiny.train(config, folder, *overrides, resume=resume) == 0
    return samples


def test_a_run_compiles_each_shape_once_and_nothing_after_the_first_epoch(
    monkeypatch, tiny_config, tmp_path, capsys
):
    samples = programs_at_each_record(monkeypatch, tiny_config, tmp_path / "run", *OVERRIDES)
    (said,) = re.findall(r"compiled (\d) shapes of the training step", capsys.readouterr().out)
    baseline, first, *_, last = [programs for event, programs in samples if event == "evaluation"]
    assert 1 < int(said) == first.count(STEP)
    assert len(baseline) < len(first) == len(last)


def test_the_steps_of_all_stages_are_compiled_once(monkeypatch, tiny_config, tmp_path, capsys):
    stages = "stages=[{loss: {kind: cosine_mse}, training: {epochs: 1}}, {training: {epochs: 1}}]"
    samples = programs_at_each_record(
        monkeypatch, tiny_config, tmp_path / "run", *OVERRIDES, stages, *tiny.GRADED
    )
    (said,) = re.findall(r"compiled (\d) shapes of the training step", capsys.readouterr().out)
    _, programs = samples[-1]
    assert 2 < int(said) == programs.count(STEP)
