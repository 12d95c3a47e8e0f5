"""The table of a report that ``losses.py`` has written: ``python losses_table.py FILE.json``."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 140  # where the table goes to a file


def show(report: dict) -> None:
    """Prints the machine, the table, and what was not run."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    rate = machine["matmul_flops_per_second"]
    console.print(
        f"{machine['processor']}, {machine['threads']} threads, {', '.join(machine['devices'])}"
        + (f", matmul {rate / 1e9:.0f} GFLOP/s" if rate else "")
        + f"\n{versions}; value and both gradients, float32, d = {report['dimension']}"
    )
    console.print(table(report))
    for library, reason in report["not_run"].items():
        console.print(f"{library}: not run: {reason}")


def table(report: dict) -> Table:
    """One row a case, a section a size; the fastest of those that save memory is bold."""
    shown = Table(title="Batch softmax, side by side", title_justify="left", header_style="bold")
    shown.add_column("N", justify="right", no_wrap=True)
    shown.add_column("implementation", no_wrap=True)
    for heading in ("median", "quartiles", "× dense", "planned", "measured"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("note", style="dim", overflow="fold")
    for n in dict.fromkeys(case["n"] for case in report["cases"]):
        cases = [case for case in report["cases"] if case["n"] == n]
        timed = {case["contender"]: case["quartiles"][1] for case in cases if case["quartiles"]}
        best = min(
            (timed[case["contender"]] for case in cases if _competes(case, timed)), default=None
        )
        for case in cases:
            median = timed.get(case["contender"])
            style = "bold" if median is not None and median == best else ""
            cells = [f"{n:,}" if case is cases[0] else "", case["label"], *_figures(case, timed)]
            shown.add_row(*(Text(cell, style=style) for cell in cells), _note(case))
        shown.add_section()
    return shown


def _competes(case: dict, timed: dict[str, float]) -> bool:
    return case["saves_memory"] and case["contender"] in timed


def _figures(case: dict, timed: dict[str, float]) -> list[str]:
    memory = [_bytes(case["compiled_bytes"]), _bytes(case["peak_bytes"])]
    if not case["quartiles"]:
        return ["–", "", "", *memory]
    lower, median, upper = case["quartiles"]
    dense = timed.get("dense")
    ratio = f"{median / dense:.2f}" if dense else ""
    return [_seconds(median), f"{_seconds(lower)} – {_seconds(upper)}", ratio, *memory]


def _note(case: dict) -> str:
    parts = [case["note"] and f"not run: {case['note']}"]
    if case["knob"] and case["quartiles"]:
        parts.append(f"{case['knob']} {case['setting']:,}")
    if case["agrees"] is False:
        parts.append("DISAGREES")
    return "; ".join(part for part in parts if part)


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def _bytes(value: int | None) -> str:
    return "" if value is None else f"{value / 2**20:,.0f} MiB"


if __name__ == "__main__":
    show(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
