"""Measure steps, encoding and losses on one accelerator, in one call; write it as JSON.

    PYTHONPATH=. python benchmarks/device.py --out device.json

``device_plan.py`` lists the cases and ``device_parent.py`` watches the processes that measure them:
one a group, which begins anew where a case crashes or takes too long. What is lost or not reached
is written down with its reason.
"""

import argparse
import functools
import gc
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import device_plan
import numpy as np
from device_measure import Found
from device_parent import measure_group
from device_plan import Case

FAIL = "BSCL_JAX_DEVICE_FAIL"
"""For the tests: an environment variable with JSON, how a case of a label fails."""

MODULES = {
    "start": "device_machine",
    "machine": "device_machine",
    "profile": "device_profile",
    "loss": "device_losses",
    "compile": "device_ahead",
    "step": "device_model",
    "cached step": "device_model",
    "encode": "device_encode",
    "encode tokens": "device_encode",
    "embed device": "device_encode",
}
"""What measures a kind of case in JAX; torch has modules of its own for models."""


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("device.json"))
    parser.add_argument("--limit-seconds", type=float, default=500, help="for everything")
    parser.add_argument("--case-seconds", type=float, help="less for each case than is planned")
    parser.add_argument("--only", nargs="+", default=[""], help="words of groups: models, torch …")
    parser.add_argument("--match", default="", help="text in the labels of the cases")
    parser.add_argument("--after", type=Path, help="an earlier JSON: what it has is kept")
    parser.add_argument("--small", action="store_true", help="toy sizes, also on a CPU")
    parser.add_argument("--torch", action="store_true", help="torch too with --small")
    parser.add_argument("--list", action="store_true", help="only say what would be measured")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.job:
        return _measure(arguments.job)
    groups = _choose(arguments)
    if arguments.list:
        print("\n".join(f"{name}: {case['label']}" for name in groups for case in groups[name]))
        return 0
    end = time.time() + arguments.limit_seconds
    report: dict[str, Any] = {"small": arguments.small, "cases": [], "seconds": {}}
    if arguments.after:
        earlier = json.loads(arguments.after.read_text(encoding="utf-8"))["cases"]
        report["cases"] = [case for case in earlier if "note" not in case]
    kept = {case["label"] for case in report["cases"]}
    groups = {name: _leave_out(kept, cases) for name, cases in groups.items()}
    with tempfile.TemporaryDirectory() as folder:
        _measure_all(groups, Path(folder), end, report, arguments.out)
    import device_table

    print(device_table.draw(report))
    return 0


def _leave_out(kept: set[str], cases: list[Case]) -> list[Case]:
    """Return the cases but those that are kept, which are not compiled either."""
    left = [case for case in cases if case["label"] not in kept]
    return [
        {**case, "cases": _leave_out(kept, case["cases"])} if "cases" in case else case
        for case in left
    ]


def _choose(arguments: argparse.Namespace) -> dict[str, list[Case]]:
    found = device_plan.groups(arguments.small, arguments.torch or not arguments.small)
    most = arguments.case_seconds or float("inf")
    return {
        name: [
            {**case, "limit": min(case["limit"], most)}
            for case in cases
            if arguments.match in case["label"]
        ]
        for name, cases in found.items()
        if any(word in name for word in arguments.only)
    }


def _measure_all(
    groups: dict[str, list[Case]], folder: Path, end: float, report: dict[str, Any], out: Path
) -> None:
    """Measure group after group, each until its share of the time and what was left is used up."""
    out.parent.mkdir(parents=True, exist_ok=True)

    def add(group: str, case: Case) -> None:
        report["cases"].append({"group": group, **case})
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        what = case.get("note") or f"{case['case_seconds']:.1f} s"
        print(f"{case['label']}: {what}"[:150], flush=True)

    begin = time.time()
    shares = {name: device_plan.SHARES[name] for name, cases in groups.items() if cases}
    for number, name in enumerate(shares):
        until = sum(list(shares.values())[: number + 1]) / sum(shares.values())
        began = time.time()
        measure_group(
            name,
            groups[name],
            known=report["cases"],
            folder=folder,
            end=begin + until * (end - begin),
            add=functools.partial(add, name),
        )
        report["seconds"][name] = time.time() - began
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _measure(folder: Path) -> int:
    """Measure one case after another, in this process; 1 if its device no longer answers."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed goes elsewhere

    def say(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=out, flush=True)

    for case in job["cases"]:
        say({"begin": case["label"]})
        begin = time.time()
        end = min(begin + case["limit"], job["end"])
        try:
            found = _find(case)(case, Found(folder, end, job["done"]))
        except Exception as error:
            traceback.print_exc()
            note = f"{type(error).__name__}: {error}"[:400]
            found = {"note": note, "trace": traceback.format_exc()[-2000:]}
        answers = _free_and_ask(case["library"])
        result = {**case, "case_seconds": time.time() - begin, **found}
        job["done"].append(result)
        say({"result": result})
        if not answers:
            return 1
    return 0


def _find(case: Case) -> Callable[[Case, Found], dict[str, Any]]:
    """Return what measures a case; its module is imported within the first case that needs it."""
    failure = json.loads(os.environ.get(FAIL, "{}")).get(case["label"])
    if failure is not None:
        return {"crash": _crash, "hang": _hang}[failure]
    in_torch = case["library"] == "torch" and case["kind"] != "loss"
    return importlib.import_module("device_torch" if in_torch else MODULES[case["kind"]]).measure


def _crash(case: Case, found: Found) -> dict[str, Any]:
    print("this is the end", file=sys.stderr, flush=True)
    os._exit(7)


def _hang(case: Case, found: Found) -> dict[str, Any]:
    time.sleep(1000)
    return {}


def _free_and_ask(library: str) -> bool:
    """Free what a case held, and return whether the device still computes."""
    gc.collect()
    try:
        if library == "torch" and "torch" in sys.modules:
            torch = importlib.import_module("torch")
            if not torch.cuda.is_available():
                return True
            torch.cuda.empty_cache()
            return torch.ones(2, device="cuda").sum().item() == 2
        if library == "jax" and "jax" in sys.modules:
            import jax

            jax.clear_caches()
            return jax.device_get(jax.device_put(np.ones(2))).sum() == 2  # nothing to compile
    except Exception:
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
