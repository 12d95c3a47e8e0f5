"""The measurement on an accelerator, at toy sizes on the CPU."""

import json
from pathlib import Path

import pytest

from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS
from tests.benchmarks.scripts import run

BFLOAT16_COSINE = 0.9999


def test_the_device_script_measures_every_implementation(tmp_path: Path):
    run("device.py", "--small", "--out", tmp_path / "device.json")
    report = json.loads((tmp_path / "device.json").read_text(encoding="utf-8"))
    assert all(case["median"] > 0 for case in report["cases"])
    models, losses = (
        [case for case in report["cases"] if ("kind" in case) == wanted] for wanted in (True, False)
    )
    assert {case["kind"] for case in models} == {"step", "cached step", "encode"}
    assert all(case["tokens_per_second"] > 0 for case in models)
    assert {case["name"] for case in losses} == set(IMPLEMENTATIONS)
    cosines = {case["dtype"]: case["gradient_cosine"] for case in losses if case["n"] == 32}
    assert cosines["float32"] == pytest.approx(1, abs=1e-6)
    assert BFLOAT16_COSINE <= cosines["bfloat16"] < 1
