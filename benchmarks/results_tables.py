"""From the folders of runs to the tables of docs/results.md."""

import json
import re
from pathlib import Path
from typing import Any

Gathered = dict[str, dict[str, Any]]


def gather(tasks: dict[str, Any], runs: Path, known: Gathered) -> Gathered:
    """Return the test scores of every row, from its ``runs.json`` or else as they were known.

    Args:
        tasks: what ``results.yaml`` holds.
        runs: the folder with ``TASK/ROW/runs.json``.
        known: what was gathered before.
    """
    gathered: Gathered = {}
    for name, task in tasks.items():
        gathered[name] = {}
        for key in task["rows"]:
            summary = runs / name / key / "runs.json"
            if summary.is_file():
                gathered[name][key] = _scores(json.loads(summary.read_text()), task["measures"])
            elif key in known.get(name, {}):
                gathered[name][key] = known[name][key]
    return gathered


def _scores(summary: dict[str, Any], measures: dict[str, Any]) -> dict[str, Any]:
    return {
        "seeds": summary["seeds"],
        "test": {name: summary["test"][name] for name in measures},
    }


def write_tables(page: str, tasks: dict[str, Any], gathered: Gathered) -> str:
    """Return the page with each table, between ``<!-- TASK -->`` and ``<!-- end -->``, anew."""
    for name, task in tasks.items():
        table = make_table(task, gathered.get(name, {}))
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(
            pattern, lambda found, text=table: found[1] + text + found[2], page, flags=re.S
        )
    return page


def make_table(task: dict[str, Any], rows: dict[str, Any]) -> str:
    """Return a task's table in Markdown: mean and half the 95 % interval of what was measured."""
    if not rows:
        return "Not measured yet.\n"
    titles = [title for title, _ in task["measures"].values()]
    has_paper = any("paper" in row for row in task["rows"].values())
    header = ["", *titles, "runs", *(["the paper, BERT-base"] if has_paper else [])]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for key, row in task["rows"].items():
        if key not in rows and key != "before":
            continue
        cells = [_cell(rows, key, name, scale) for name, (_, scale) in task["measures"].items()]
        count = "" if key == "before" else str(len(rows[key]["seeds"]))
        lines.append([row["title"], *cells, count, *([_paper(task, row)] if has_paper else [])])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(rows: dict[str, Any], key: str, measure: str, scale: int) -> str:
    if key == "before":
        return _number(next(iter(rows.values()))["test"][measure]["baseline"], scale)
    score = rows[key]["test"][measure]
    mean = _number(score["mean"], scale)
    if score["high"] is None:
        return mean
    return f"{mean} ± {_number(score['high'] - score['mean'], scale)}"


def _number(value: float, scale: int) -> str:
    return f"{100 * value:.2f}" if scale == 100 else f"{value:.3f}".removeprefix("0")


def _paper(task: dict[str, Any], row: dict[str, Any]) -> str:
    scales = [scale for _, scale in task["measures"].values()]
    numbers = zip(row.get("paper", []), scales, strict=False)
    return ", ".join(
        f"{value:.2f}" if scale == 100 else f"{value:.3f}".removeprefix("0")
        for value, scale in numbers
    )
