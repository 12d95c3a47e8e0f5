"""Measure the batch softmax side by side with other libraries' losses.

Value and gradient of both sides (symmetric, l2, τ = 0.05, float32) from embeddings that are already
on the device. Every library has a process of its own on the same cores; their runs take turns, so
that what else the machine does falls on all alike. ``README.md`` says how to read the figures.

    python benchmarks/losses.py --torch-python PATH --out losses.json --plot losses.svg
"""

import argparse
import importlib.util
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from losses_contest import Contest, Limits
from losses_figure import draw
from losses_process import Process
from losses_table import show

SIZES = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)


def _start(arguments: argparse.Namespace) -> tuple[list[Process], dict[str, str]]:
    """Returns the processes that answered, and why the others did not."""
    has_torch = importlib.util.find_spec("torch") is not None
    torch_python = arguments.torch_python or (sys.executable if has_torch else None)
    pythons = {
        "bscl_jax": sys.executable,
        "sentence_transformers": torch_python,
        "inf_cl": torch_python,
        "representax": arguments.representax_python,
    }
    processes, not_run = [], {}
    for library, python in pythons.items():
        if python is None:
            option = "representax" if library == "representax" else "torch"
            not_run[library] = f"no Python with it: give --{option}-python"
            continue
        process = Process(library, python, arguments.threads)
        if process.failure is None:
            processes.append(process)
        else:
            not_run[library] = process.failure
    return processes, not_run


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _free_gib() -> float:
    """What may be used: 0.8 of the memory that is available now."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        return 0.8 * kib / 2**20
    except (OSError, StopIteration):
        return 8.0


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the batch softmax.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pairs in the batch")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=7, help="turns that every contender gets")
    parser.add_argument("--limit-seconds", type=float, default=300, help="for one case")
    parser.add_argument("--limit-gib", type=float, default=_free_gib(), help="for one case")
    parser.add_argument("--threads", type=int, default=_cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-python", help="a Python that has sentence-transformers")
    parser.add_argument("--representax-python", help="a Python that has representax")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--plot", type=Path, help="where the figure goes (.svg or .png)")
    return parser.parse_args(given)


def _machine(processes: list[Process], threads: int) -> dict:
    return {
        "processor": _processor(),
        "devices": sorted({process.device for process in processes}),
        "threads": threads,
        "matmul_flops_per_second": None,
        "versions": {k: v for process in processes for k, v in process.versions.items()},
    }


def _measure(arguments: argparse.Namespace, processes: list[Process], report: dict) -> None:
    """Fills the report, and keeps what is measured whatever comes next."""
    limits = Limits(arguments.limit_seconds, arguments.limit_gib * 2**30, arguments.repeats)
    contest = Contest(processes, limits, arguments.dimension, arguments.seed)
    machine = report["machine"]
    for n in sorted(arguments.sizes):
        # What a plain matrix product reaches; the best of all moments is the machine's.
        rates = [machine["matmul_flops_per_second"], processes[0].ask("rate")["flops_per_second"]]
        machine["matmul_flops_per_second"] = max(rate for rate in rates if rate)
        report["cases"] += [asdict(case) for case in contest.size(n)]
        if arguments.out:
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"N = {n} done", file=sys.stderr)


def main(given: list[str] | None = None) -> int:
    arguments = _arguments(given)
    processes, not_run = _start(arguments)
    try:
        if "bscl_jax" in not_run:
            print(f"bscl_jax does not run: {not_run['bscl_jax']}", file=sys.stderr)
            return 1
        report = {
            "machine": _machine(processes, arguments.threads),
            "dimension": arguments.dimension,
            "not_run": not_run,
            "cases": [],
        }
        _measure(arguments, processes, report)
    finally:
        for process in processes:
            process.end()
    show(report)
    if arguments.plot:
        draw(report, arguments.plot)
    return 0 if all(case["agrees"] is not False for case in report["cases"]) else 1


if __name__ == "__main__":
    sys.exit(main())
