"""Nothing computes more than it did when ``benchmarks/counts.json`` was written, within 5 %."""

import json
from pathlib import Path

import pytest

from benchmarks.compare import changes, is_worse
from benchmarks.counts import machine
from tests.benchmarks.scripts import BENCHMARKS, run

MOST = 0.05


def test_no_program_computes_or_holds_more_than_before(tmp_path: Path):
    records = json.loads((BENCHMARKS / "counts.json").read_text())
    known = {tuple(each["machine"].values()): each["counts"] for each in records}
    before = known.get(tuple(machine().values()))
    if before is None:
        pytest.skip(f"benchmarks/counts.json is of {list(known)}, this is {machine()}")
    elsewhere = {"machine": {"jax": "0.1"}, "counts": {}}
    (tmp_path / "counts.json").write_text(json.dumps([elsewhere]))
    run("counts.py", "--out", tmp_path / "counts.json")
    kept, after = json.loads((tmp_path / "counts.json").read_text())
    assert kept == elsewhere
    assert after["machine"] == machine()
    assert after["counts"].keys() == before.keys()
    found = changes(before, after["counts"])
    assert [each for each in found if is_worse(*each[2:], MOST)] == []


def test_a_count_that_grows_by_more_than_is_allowed_is_worse():
    before = {"step": {"instructions": 100, "gone": 1}, "gone": {"instructions": 1}}
    after = {"step": {"instructions": 106, "new": 1}, "new": {"instructions": 1}}
    ((program, what, one, other),) = changes(before, after)
    assert (program, what, one, other) == ("step", "instructions", 100, 106)
    assert is_worse(one, other, MOST)
    assert not is_worse(100, 105, MOST)
    assert not is_worse(100, 50, MOST)
