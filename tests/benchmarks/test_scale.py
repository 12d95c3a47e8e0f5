"""The measurement of time and memory against size, at toy sizes."""

import json
from pathlib import Path

from tests.benchmarks.scripts import run


def test_every_kind_is_measured_and_drawn(tmp_path: Path):
    out, plot = tmp_path / "scale.json", tmp_path / "scale.svg"
    printed = run("scale.py", "--small", "--out", out, "--plot", plot)
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert len(rows) == 12
    assert all(row["seconds"] > 0 and row["peak_bytes"] > 2**20 for row in rows), rows
    assert printed.count("slope") == 6
    assert "slope" in plot.read_text(encoding="utf-8")
