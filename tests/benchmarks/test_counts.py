"""Nothing computes more than it did when ``benchmarks/counts.json`` was written, within 5 %."""

import json
from pathlib import Path

import pytest

from benchmarks.compare import changes, is_worse
from benchmarks.counts import machine
from tests.benchmarks.scripts import BENCHMARKS, run

MOST = 0.05


def test_no_program_computes_or_holds_more_than_before(tmp_path: Path):
    before = json.loads((BENCHMARKS / "counts.json").read_text())
    if before["machine"] != machine():
        pytest.skip(f"benchmarks/counts.json is of {before['machine']}, this is {machine()}")
    run("counts.py", "--out", tmp_path / "counts.json")
    after = json.loads((tmp_path / "counts.json").read_text())["counts"]
    assert after.keys() == before["counts"].keys()
    found = changes(before["counts"], after)
    assert [each for each in found if is_worse(*each[2:], MOST)] == []


def test_a_count_that_grows_by_more_than_is_allowed_is_worse():
    before = {"step": {"instructions": 100, "gone": 1}, "gone": {"instructions": 1}}
    after = {"step": {"instructions": 106, "new": 1}, "new": {"instructions": 1}}
    ((program, what, one, other),) = changes(before, after)
    assert (program, what, one, other) == ("step", "instructions", 100, 106)
    assert is_worse(one, other, MOST)
    assert not is_worse(100, 105, MOST)
    assert not is_worse(100, 50, MOST)
