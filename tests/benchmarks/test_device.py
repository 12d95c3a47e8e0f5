"""The measurement on an accelerator, at toy sizes on the CPU."""

import json
import sys
from pathlib import Path

import pytest

from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS
from tests.benchmarks.scripts import BENCHMARKS, run

FLOAT32_COSINE = 1 - 1e-6
BFLOAT16_COSINE = 0.9999
MOST_CHARACTERS = 12_000  # of what is printed
MODEL_KINDS = {"step", "cached step", "encode", "encode tokens", "embed device"}
CRASHING = "jax loss tiled 32 16 highest float32"
HANGING = "jax loss panels 32 16 highest float32"


def measure(folder: Path, *arguments: object) -> tuple[list[dict], str]:
    """Run the script; return its cases and what it printed."""
    printed = run("device.py", "--small", "--out", folder / "device.json", *arguments)
    return json.loads((folder / "device.json").read_text(encoding="utf-8"))["cases"], printed


def test_everything_is_measured_at_toy_sizes(tmp_path: Path):
    cases, printed = measure(tmp_path)  # once: it takes a minute
    assert [case["note"] for case in cases if "note" in case] == []
    check_models([case for case in cases if case["kind"] in MODEL_KINDS])
    check_machine({case["kind"]: case for case in cases})
    check_compiled([case for case in cases if case["kind"] == "compile"])
    losses = [case for case in cases if case["kind"] == "loss"]
    check_losses(losses)
    check_fastest(losses)
    table = printed[printed.index("ms of kernels") :]
    assert len(table) < MOST_CHARACTERS
    assert all(case["label"] in table for case in cases if "mfu" in case)


def check_models(models: list[dict]):
    assert {case["kind"] for case in models} == MODEL_KINDS
    assert {case["attention"] for case in models} == {"plain", "fused"}
    assert all(case["median"] > 0 and case["tokens_per_second"] > 0 for case in models)
    assert all(case["first_seconds"] >= case["median"] for case in models)
    assert all(
        case["planned_bytes"] > 0 and case["rows"] > 0 for case in models if "step" in case["kind"]
    )
    cached = [case for case in models if case["kind"] == "cached step"]
    assert all(1 <= case["chunk_size"] < case["rows"] for case in cached)


def check_compiled(found: list[dict]):
    (ahead,) = found
    assert len(ahead["each_seconds"]) == len(ahead["cases"]) > 1
    assert max(ahead["each_seconds"]) <= ahead["median"]


def check_machine(found: dict[str, dict]):
    assert all(rate > 0 for rate in found["machine"]["matmul_flops_per_second"].values())
    empty, filled = (found["start"][name] for name in ("empty cache", "filled cache"))
    assert empty["first_step"] > empty["device_ready"] > 0
    assert filled["compile_seconds"] < empty["compile_seconds"]
    profile = found["profile"]
    assert all(kernel["milliseconds"] > 0 for kernel in profile["largest"])
    assert 0 < len(profile["largest"]) <= 40


def check_losses(losses: list[dict]):
    tried = {(case["name"], case["precision"]) for case in losses if case["n"] == 64}
    wanted = {(name, precision) for name in IMPLEMENTATIONS for precision in ("highest", "default")}
    assert wanted <= tried
    assert all(case["median"] > 0 for case in losses)
    cosines = [case for case in losses if case["n"] == 32]
    assert {(case["name"], case["precision"]) for case in cosines} == wanted
    for case in cosines:
        least = FLOAT32_COSINE if case["dtype"] == "float32" else BFLOAT16_COSINE
        assert least <= case["gradient_cosine"] <= 1 + 1e-9, case["label"]


def check_fastest(cases: list[dict]):
    for large in (case for case in cases if case["name"] == "fastest" and case["n"] > 64):
        tried = [
            case
            for case in cases
            if case["n"] == 64
            and case["precision"] == large["precision"]
            and case["dtype"] == "float32"
            and case["name"] != "dense"
        ]
        best = min(tried, key=lambda case: case["median"])
        assert large["chosen"] == f"{best['name']} {best['setting']}"
        assert large["predicted_seconds"] == pytest.approx(
            best["median"] * (large["n"] / best["n"]) ** 2
        )


def test_a_case_that_crashes_or_hangs_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    failing = {CRASHING: "crash", HANGING: "hang"}
    monkeypatch.setenv("BSCL_JAX_DEVICE_FAIL", json.dumps(failing))
    only = ("--only", "losses", "--match", "16 highest", "--case-seconds", 15)
    cases, printed = measure(tmp_path, *only)
    notes = {case["label"]: case.get("note") for case in cases}
    assert notes.pop(CRASHING) == "ended with status 7: this is the end"
    assert notes.pop(HANGING) == "stopped after 15 s"
    assert list(notes.values()) == [None, None]
    assert "ended with status 7" in printed


def test_what_no_time_is_left_for_is_written_down(tmp_path: Path):
    cases, _ = measure(tmp_path, "--only", "losses", "--limit-seconds", 2)
    assert len(cases) > len(IMPLEMENTATIONS)
    assert {case["note"] for case in cases} == {"no time was left"}


def test_what_an_earlier_report_has_is_kept(tmp_path: Path):
    earlier = tmp_path / "earlier.json"
    kept = {"label": "jax loss dense 32 highest float32", "kind": "loss", "size": "8k"}
    kept |= {"median": 1.0, "flops_per_second": 1.0, "first_seconds": 1.0}
    earlier.write_text(json.dumps({"cases": [kept]}), encoding="utf-8")
    only = ("--only", "losses", "--match", "dense 32 highest float32", "--after", earlier)
    cases, _ = measure(tmp_path, *only)
    assert cases == [kept]


def test_a_large_size_is_left_out_if_it_is_predicted_to_take_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import device_losses
    from device_measure import Found

    known = {"library": "jax", "precision": "highest", "dtype": "float32", "name": "tiled"}
    known |= {"setting": 16, "size": "32k", "n": 64, "median": 2.0}
    case = known | {"size": "1M", "n": 256, "name": "fastest", "setting": None}
    chosen, facts = device_losses.choose(case, Found(tmp_path, 0.0, [known]))
    assert (chosen["name"], chosen["setting"]) == ("tiled", 16)
    assert facts["note"] == "predicted to take 32 s, 0 s were left"
    assert sys.modules.pop("device_losses") is device_losses
