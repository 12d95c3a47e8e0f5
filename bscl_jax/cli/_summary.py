"""What several runs came to: means over their seeds, and the run that is best on dev."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from bscl_jax import metrics, reporting
from bscl_jax.cli._say import say
from bscl_jax.cli._seeds import SeedsFolder

LEVEL = 0.95
INTERVAL = "95 % by Student's t with n - 1 degrees of freedom, over seeds only"
"""What the interval is of; neither training nor test texts are drawn anew."""


def summarize(scores: Mapping[int, dict[str, Any]], measure: str) -> dict[str, Any]:
    """Return what ``runs.json`` holds.

    Args:
        scores: what ``read_scores`` gives, by seed.
        measure: the dev measure by which a run is the best, the first of equals.
    """
    best = max(scores, key=lambda seed: scores[seed]["dev"][measure])
    kept = {name: scores[best][name] for name in ("best_epoch", "dev", "test")}
    return {
        "seeds": list(scores),
        "interval": INTERVAL,
        "dev": summarize_split(scores, "dev_baseline", "dev"),
        "test": summarize_split(scores, "baseline", "test"),
        "measure": measure,
        "best": {"seed": best, **kept},
    }


def summarize_split(
    scores: Mapping[int, dict[str, Any]], before: str, after: str
) -> dict[str, dict[str, Any]]:
    """Return for each measure its mean before training, and of its values after it all there is."""
    names = dict.fromkeys(name for each in scores.values() for name in each[after])
    return {
        name: {
            "baseline": describe(each[before].get(name) for each in scores.values())["mean"],
            **describe(each[after].get(name) for each in scores.values()),
            "values": {str(seed): each[after].get(name) for seed, each in scores.items()},
        }
        for name in names
    }


def describe(values: Iterable[float | None]) -> dict[str, Any]:
    """Return mean, interval and standard deviation; None, with a reason, where there is none."""
    values = list(values)
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        reason = f"not defined in {len(values) - len(found)} of {len(values)} runs"
        return {"mean": None, "low": None, "high": None, "sd": None, "reason": reason}
    return metrics.interval(np.array(found), level=LEVEL)._asdict()


def show_summary(console: Console, folder: SeedsFolder, summary: dict[str, Any]) -> None:
    """Print means and intervals of both splits, then the run that is best on dev."""
    seeds = summary["seeds"]
    for split in ("dev", "test"):
        if summary[split]:
            title = f"{split} split, {len(seeds)} runs, seeds {', '.join(map(str, seeds))}"
            columns = ["baseline", "mean", "±", "sd", "by seed"]
            cells = {name: _row(row) for name, row in summary[split].items()}
            console.print(reporting.measures_table(cells, columns, title=title))
    say(console, f"±  {summary['interval']}")
    best, measure = summary["best"], summary["measure"]
    say(console, f"best on dev: seed {best['seed']}, {measure} {best['dev'][measure]:.4f}")
    for name, value in best["test"].items():
        say(console, f"  on test  {name} {value:.4f}")
    say(console, f"summary  {folder.summary}")


def shown(value: float | None) -> str:
    """Return a score as the tables show it."""
    return "–" if value is None else f"{value:.4f}"


def _row(row: dict[str, Any]) -> list[str]:
    half = None if row["high"] is None else row["high"] - row["mean"]
    values = " ".join(map(shown, row["values"].values()))
    return [*map(shown, (row["baseline"], row["mean"], half, row["sd"])), values]
