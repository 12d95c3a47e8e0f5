"""From the folders of runs to the tables of docs/results.md."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import yaml

from bscl_jax import metrics

Row = dict[str, Any]
"""``seeds``, and for each measure ``before`` and ``after``, a list with a score for each seed."""
Gathered = dict[str, dict[str, Row]]


def read(path: Path) -> dict[str, Any]:
    """Return the tables of ``results.yaml``, those from random weights after their tasks."""
    tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
    shared = tasks.pop("random")
    tables = {}
    for name, task in tasks.items():
        rows = {key: row for key, row in task["rows"].items() if "only" not in row}
        tables[name] = {**task, "rows": rows}
        if "random" in task:
            unpublished = {
                key: {part: value for part, value in row.items() if part != "paper"}
                for key, row in task["rows"].items()
            }
            changed = {"set": [*shared, *task["random"]], "paper": name, "rows": unpublished}
            tables[f"{name}_random"] = {**task, **changed}
    return tables


def gather(tasks: dict[str, Any], runs: Path, known: Gathered) -> Gathered:
    """Return the test scores of every row: those of its finished runs, and of other seeds as known.

    What was known of a row whose config has changed has to be taken out of the file by hand.

    Args:
        tasks: of ``read``.
        runs: the folder with ``TASK/ROW/seed-K/results.json``.
        known: what was gathered before.
    """
    gathered: Gathered = {}
    for name, task in tasks.items():
        gathered[name] = {}
        for key in task["rows"]:
            scores = _by_seed(known.get(name, {}).get(key, {"seeds": []}), task["measures"])
            for path in (runs / name / key).glob("seed-*/results.json"):
                found = json.loads(path.read_text())
                seed = int(path.parent.name.removeprefix("seed-"))
                scores[seed] = {"before": found["baseline"], "after": found["test"]}
            if scores:
                gathered[name][key] = _as_row(scores, task["measures"])
    return gathered


def _by_seed(row: Row, measures: Sequence[str]) -> dict[int, dict[str, dict[str, float]]]:
    return {
        seed: {
            when: {name: row[when][name][place] for name in measures}
            for when in ("before", "after")
        }
        for place, seed in enumerate(row["seeds"])
    }


def _as_row(scores: dict[int, dict[str, dict[str, float]]], measures: Sequence[str]) -> Row:
    seeds = sorted(scores)
    values = {
        when: {name: [scores[seed][when][name] for seed in seeds] for name in measures}
        for when in ("before", "after")
    }
    return {"seeds": seeds, **values}


def write_tables(page: str, tasks: dict[str, Any], gathered: Gathered) -> str:
    """Return the page with each table, between ``<!-- TASK -->`` and ``<!-- end -->``, anew."""
    for name, task in tasks.items():
        rows = gathered.get(name, {})
        table = make_table(task, rows) + make_differences(tasks, name, rows)
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(
            pattern, lambda found, text=table: found[1] + text + found[2], page, flags=re.S
        )
    return page


def make_table(task: dict[str, Any], rows: dict[str, Row]) -> str:
    """Return a task's table in Markdown: mean and half the 95 % interval of what was measured."""
    if not rows:
        return "Not measured yet.\n"
    has_paper = any("paper" in row for row in task["rows"].values())
    header = ["", *_titles(task), "runs", *(["the paper, BERT-base"] if has_paper else [])]
    lines = []
    for key, row in task["rows"].items():
        if key not in rows and key != "before":
            continue
        if key == "before":
            scores, count = next(iter(rows.values()))["before"], ""
            cells = [_number(float(np.mean(scores[name])), scale) for name, scale in _scales(task)]
        else:
            scores, count = rows[key]["after"], str(len(rows[key]["seeds"]))
            cells = [_mean(scores[name], scale) for name, scale in _scales(task)]
        lines.append([row["title"], *cells, count, *([_paper(task, row)] if has_paper else [])])
    return _table(header, lines)


class Pair(NamedTuple):
    """Two rows that are compared.

    Attributes:
        title: what is taken from what.
        seeds: those that both have.
        differences: for each measure of the table, paired by seed.
        published: the paper's, in the same unit, for the measures that both rows have there.
    """

    title: str
    seeds: list[int]
    differences: list[metrics.Interval]
    published: list[float]

    def is_sure(self, found: metrics.Interval) -> bool:
        """Tell whether an interval does not hold 0; of two seeds, which may agree by luck, none."""
        low, high = cast(float, found.low), cast(float, found.high)
        return len(self.seeds) > 2 and (low > 0 or high < 0)


def pairs_of_rows(tables: dict[str, Any], name: str, rows: dict[str, Row]) -> list[Pair]:
    """Return what is known of the pairs of rows in ``compare`` with two seeds in common."""
    task = tables[name]
    paper = tables[task.get("paper", name)]
    pairs = []
    for first, second in task.get("compare", []):
        if not {first, second} <= {*rows}:
            continue
        seeds = [seed for seed in rows[first]["seeds"] if seed in rows[second]["seeds"]]
        if len(seeds) < 2:
            continue
        differences = [
            metrics.paired_difference(
                *(_of_seeds(rows[key], measure, seeds) for key in (first, second)), level=0.95
            ).difference
            for measure in task["measures"]
        ]
        published = (paper["rows"].get(key, {}).get("paper", []) for key in (first, second))
        scales = [scale for _, scale in _scales(task)]
        pairs.append(
            Pair(
                f"{task['rows'][second]['title']} − {task['rows'][first]['title']}",
                seeds,
                differences,
                [(b - a) / scale for a, b, scale in zip(*published, scales, strict=False)],
            )
        )
    return pairs


def make_differences(tables: dict[str, Any], name: str, rows: dict[str, Row]) -> str:
    """Return, below an empty line, the differences of the pairs of rows that are compared."""
    task = tables[name]
    scales = [scale for _, scale in _scales(task)]
    lines = [
        [
            pair.title,
            *(_difference(pair, *each) for each in zip(pair.differences, scales, strict=True)),
            str(len(pair.seeds)),
            ", ".join(_signed(*each) for each in zip(pair.published, scales, strict=False)),
        ]
        for pair in pairs_of_rows(tables, name, rows)
    ]
    if not lines:
        return ""
    return "\n" + _table(["", *_titles(task), "pairs of runs", "the paper's difference"], lines)


def _difference(pair: Pair, found: metrics.Interval, scale: int) -> str:
    half = _number(cast(float, found.high) - found.mean, scale)
    text = f"{_signed(found.mean, scale)} ± {half}"
    return f"**{text}**" if pair.is_sure(found) else text


def _of_seeds(row: Row, measure: str, seeds: Sequence[int]) -> np.ndarray:
    by_seed = dict(zip(row["seeds"], row["after"][measure], strict=True))
    return np.array([by_seed[seed] for seed in seeds])


def _titles(task: dict[str, Any]) -> list[str]:
    return [title for title, _ in task["measures"].values()]


def _scales(task: dict[str, Any]) -> list[tuple[str, int]]:
    return [(name, scale) for name, (_, scale) in task["measures"].items()]


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [header, rule, *lines])


def _mean(values: Sequence[float], scale: int) -> str:
    found = metrics.interval(np.array(values), level=0.95)
    mean = _number(found.mean, scale)
    return mean if found.high is None else f"{mean} ± {_number(found.high - found.mean, scale)}"


def _number(value: float, scale: int) -> str:
    return f"{100 * value:.2f}" if scale == 100 else f"{value:.3f}".removeprefix("0")


def _signed(value: float, scale: int) -> str:
    """Write a difference with its sign, − and not a hyphen."""
    return f"{'−' if value < 0 else '+'}{_number(abs(value), scale)}"


def _paper(task: dict[str, Any], row: dict[str, Any]) -> str:
    numbers = zip(row.get("paper", []), _scales(task), strict=False)
    return ", ".join(_number(value / scale, scale) for value, (_, scale) in numbers)
