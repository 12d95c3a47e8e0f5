"""The measurement of saves, at toy size, and what it may come to at the size of MiniLM."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.scripts import run

MILLISECONDS = 50
"""So long may a save keep training waiting."""


def measure(out: Path, *options: str) -> dict[str, float]:
    printed = run("saving.py", *options, "--out", out)
    ((size, row),) = json.loads(out.read_text(encoding="utf-8")).items()
    assert size in printed
    return row


def test_a_save_and_the_whole_of_it_are_timed(tmp_path: Path) -> None:
    row = measure(tmp_path / "saving.json", "--sizes", "toy", "--rounds", "2")
    assert 0 < row["least"] <= row["blocks"] <= row["most"] < 1e3 * row["whole"]


@pytest.mark.slow
def test_a_save_of_minilm_and_its_optimizer_keeps_training_waiting_for_50_ms_at_most(
    tmp_path: Path,
) -> None:
    row = measure(tmp_path / "saving.json", "--sizes", "minilm-l6", "--rounds", "10")
    assert row["MiB"] > 250
    assert row["least"] <= MILLISECONDS
