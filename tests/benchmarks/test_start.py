"""The parts of a step, of an epoch and of a start, at toy sizes."""

from tests.benchmarks.scripts import run
from tests.conftest import REPOSITORY

SMOKE = ["--config", REPOSITORY / "configs" / "smoke.yaml"]


def test_the_parts_of_a_step_are_measured():
    lines = run("step_parts.py", *SMOKE, "--calls", "1").splitlines()
    assert lines[0].endswith("of them real")
    assert [line[:28].strip() for line in lines[2:]][-2:] == ["optimizer alone", "step"]


def test_a_start_is_measured_until_its_first_step():
    (line,) = run("start.py", *SMOKE, "--starts", "1").splitlines()
    for what in ("scored", "ordered", "first step"):
        assert f"  {what} " in line


def test_the_parts_of_an_epoch_are_measured():
    lines = run("epoch.py", *SMOKE, "--steps", "2", "--rounds", "1").splitlines()
    parts = {line[:18].strip(): float(line.split()[-1].rstrip("%")) for line in lines[1:5]}
    assert list(parts) == ["order", "report of batches", "evaluation on dev", "steps"]
    assert 99 < sum(parts.values()) < 101
    assert "beside making batches" in lines[-2]
    assert lines[-1].endswith("of 4 steps waited for their batch")
