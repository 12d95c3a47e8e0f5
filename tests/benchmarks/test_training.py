"""The measurement of training steps, at toy sizes."""

import json
from pathlib import Path

from tests.benchmarks.scripts import run
from tests.conftest import REPOSITORY


def test_packed_batches_compute_less_padding_than_padded_ones(tmp_path: Path):
    sizes = ["--batch-size", "16", "--steps", "2", "--rounds", "2"]
    small = ["--set", "encoder.hidden_size=8", "--set", "training.num_shapes=4"]
    smoke, out = REPOSITORY / "configs" / "smoke.yaml", tmp_path / "training.json"
    printed = run("training.py", "--config", smoke, *sizes, *small, "--out", out)
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert rows["packed"]["real"] > 1.1 * rows["padded"]["real"]
    assert rows["packed"]["wall s"] > 0
    assert "packed" in printed
    assert "sentence-transformers" not in printed
