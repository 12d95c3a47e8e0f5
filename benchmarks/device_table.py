"""The figures of ``device.py`` as a few lines, short enough for a terminal that keeps but the end.

``python benchmarks/device_table.py benchmarks/device_h100.json`` draws those of an earlier run.
"""

import json
import sys
from pathlib import Path
from typing import Any

from device_plan import Case

MOST_CHARACTERS = 11_500
MOST_KERNELS = 25
WIDTH = 100


def draw(report: dict[str, Any]) -> str:
    """Return all that was measured, the kernels of a step as far as there is room."""
    cases = report["cases"]
    done = [case for case in cases if "note" not in case]
    lines = [_machine(case) for case in done if case["kind"] in ("start", "machine", "compile")]
    models = [case for case in done if "tokens_per_second" in case]
    if models:
        lines.append(f"{'ms':>9} {'Mtok/s':>7} {'MFU':>6} {'first s':>7} {'GiB':>5}  case")
        lines += [_model(case) for case in models]
    losses = [case for case in done if case["kind"] == "loss"]
    if losses:
        lines.append(f"{'ms':>10} {'TFLOP/s':>7} {'first s':>7} {'GiB':>5}  case")
        lines += [_loss(case) for case in losses]
    lines += _notes([case for case in cases if "note" in case])
    spent = ", ".join(f"{name} {seconds:.0f}" for name, seconds in report["seconds"].items())
    lines.append(f"seconds: {spent}")
    kept = [line[: 4 * WIDTH] for line in lines]
    room = MOST_CHARACTERS - sum(len(line) + 1 for line in kept)
    profiles = [case for case in done if case["kind"] == "profile"]
    return "\n".join([*_kernels(profiles, room), *kept])


def _machine(case: Case) -> str:
    if case["kind"] == "compile":
        each = " ".join(f"{seconds:.0f}" for seconds in case["each_seconds"])
        return f"compiled {len(case['cases'])} programs in {case['median']:.0f} s ({each})"
    if case["kind"] == "start":
        parts = []
        for name in ("empty cache", "filled cache"):
            times = case[name]
            parts.append(
                f"{name}: device {times['device_ready']:.1f} s, step {times['first_step']:.1f} s"
                f" (compiling {times['compile_seconds']:.1f})"
                if "first_step" in times
                else f"{name}: {times['note']}"
            )
        return f"start {case['shape']}: " + "; ".join(parts)
    rates = case["matmul_flops_per_second"]
    products = ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in rates.items())
    versions = " ".join(f"{name} {version}" for name, version in case["versions"].items())
    copying = f"copying {case['copy_bytes_per_second'] / 1e9:.0f} GB/s"
    return f"{case['device']}, {versions}\nTFLOP/s of products: {products}; {copying}"


def _model(case: Case) -> str:
    mfu = "" if case["mfu"] is None else f"{case['mfu']:.1%}"
    chunk = f" chunk {case['chunk_size']}" if case.get("chunk_size") else ""
    rows = f" {case['rows']}×{case['row_length']}" if "rows" in case else ""
    return (
        f"{1000 * case['median']:9.2f} {case['tokens_per_second'] / 1e6:7.3f} {mfu:>6}"
        f" {case['first_seconds']:7.1f} {_gib(case)}  {case['label']}{rows}{chunk}"
    )[:WIDTH]


def _loss(case: Case) -> str:
    cosine = case.get("gradient_cosine")
    label = case["label"].replace(" loss ", " ").replace("sentence_transformers", "st")
    chosen = f" = {case['chosen']}" if "chosen" in case else ""
    return (
        f"{1000 * case['median']:10.3f} {case['flops_per_second'] / 1e12:7.2f}"
        f" {case['first_seconds']:7.1f} {_gib(case)}  {label}{chosen}"
        f"{'' if cosine is None else f' cos {cosine:.8f}'}"
    )[:WIDTH]


def _gib(case: Case) -> str:
    found = case.get("planned_bytes") or case.get("peak_bytes")
    return "    –" if found is None else f"{found / 2**30:5.2f}"


def _notes(cases: list[Case]) -> list[str]:
    """Cases without a result, those of one reason in one line."""
    labels: dict[str, list[str]] = {}
    for case in cases:
        labels.setdefault(" ".join(case["note"].split())[:150], []).append(case["label"])
    return [f"not measured ({note}): " + "; ".join(found) for note, found in labels.items()]


def _kernels(profiles: list[Case], room: int) -> list[str]:
    lines: list[str] = []
    for number, case in enumerate(profiles):
        share = (room - sum(len(line) + 1 for line in lines)) // (len(profiles) - number)
        kernels, total = case["milliseconds_of_kernels"], case["milliseconds_in_all"] or 0
        head = f"{case['label']}: {kernels:.2f} ms of kernels in {total:.2f} ms a step"
        own = [head]
        for kernel in case["largest"][:MOST_KERNELS]:
            line = f"{kernel['milliseconds']:8.3f} {kernel['count']:6.1f}  {kernel['name'][:60]}"
            if sum(len(each) + 1 for each in [*own, line]) > share:
                break
            own.append(line)
        lines += own
    return lines


if __name__ == "__main__":
    print(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
