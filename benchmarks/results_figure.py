"""The differences of docs/results.md as a picture, beside the paper's own.

    python benchmarks/results_figure.py docs/figures/results.svg

It draws the tables from random weights, of docs/results.json; ``results.py tables`` draws it too.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from results_tables import Gathered, Pair, pairs_of_rows, read

REPOSITORY = Path(__file__).resolve().parent.parent
SURE, UNSURE, PAPER, AXIS = "#1f4e79", "#8fa8bf", "#d9822b", "#c8c8c8"
SHORT = {
    "sentence-transformers, ": "s-t, ",
    "MultipleNegativesSymmetricRankingLoss": "symmetric ranking",
    "CosineSimilarityLoss": "cosine",
}


def draw(tables: dict[str, Any], gathered: Gathered, path: Path) -> None:
    """Draw a panel for each table from random weights that has differences."""
    panels = {
        title_of(task): pairs
        for name, task in tables.items()
        if "paper" in task and (pairs := pairs_of_rows(tables, name, gathered.get(name, {})))
    }
    heights = [len(pairs) for pairs in panels.values()]
    with mpl.rc_context({"svg.hashsalt": "results", "svg.fonttype": "none", "font.size": 8}):
        size = (8.2, 0.5 + 0.24 * sum(heights) + 0.65 * len(panels))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(panels), height_ratios=heights, squeeze=False)[:, 0]
        for axis, (title, pairs) in zip(axes, panels.items(), strict=True):
            draw_panel(axis, title, pairs)
        figure.supxlabel("A − B: right of the line A is better", fontsize=9)
        figure.legend(handles=legend(), loc="outside upper right", ncols=3, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw_panel(axis: Axes, title: str, pairs: Sequence[Pair]) -> None:
    """Draw the differences of a task in the measure that comes first, in hundredths."""
    axis.axvline(0, color=AXIS, linewidth=1, zorder=0)
    limit = find_limit(pairs)
    for place, pair in enumerate(pairs):
        found = pair.differences[0]
        ends = [100 * (found.low or 0), 100 * (found.high or 0)]
        color = SURE if pair.is_sure(found) else UNSURE
        axis.plot(ends, [place, place], color=color, linewidth=2, solid_capstyle="round")
        axis.plot(100 * found.mean, place, "o", color=color, markersize=5.5)
        for value in pair.published[:1]:
            draw_published(axis, 100 * value, place, limit)
    axis.set_yticks(range(len(pairs)), [shorten(pair.title) for pair in pairs])
    axis.set_ylim(len(pairs) - 0.4, -0.6)
    axis.set_xlim(-limit, limit)
    axis.tick_params(axis="y", length=0)
    axis.set_title(title, fontsize=9, loc="left", fontweight="bold")
    axis.spines[["top", "right", "left"]].set_visible(False)


def find_limit(pairs: Sequence[Pair]) -> float:
    """Return where a panel ends: behind all intervals, and what of the paper is near them."""
    ours = [
        100 * abs(end or 0)
        for pair in pairs
        for end in (pair.differences[0].low, pair.differences[0].high)
    ]
    papers = [100 * abs(value) for pair in pairs for value in pair.published[:1]]
    return 1.05 * max(ours + [value for value in papers if value <= 2 * max(ours)])


def draw_published(axis: Axes, value: float, place: int, limit: float) -> None:
    """Mark the paper's difference; one beyond the limit is written at the edge."""
    if abs(value) <= limit:
        axis.plot(value, place, "D", color=PAPER, markersize=4.5, markerfacecolor="white")
        return
    text, side = (f"{value:+.0f} →", "right") if value > 0 else (f"← {value:+.0f}", "left")
    at = limit if value > 0 else -limit
    axis.text(at, place, text.replace("-", "−"), color=PAPER, ha=side, va="center")


def legend() -> list[Line2D]:
    """Say what the marks are."""
    return [
        Line2D([], [], color=SURE, marker="o", label="difference, 95 % interval"),
        Line2D([], [], color=UNSURE, marker="o", label="the interval holds 0, or two seeds"),
        Line2D(
            [], [], color=PAPER, marker="D", markerfacecolor="white", ls="", label="the paper's"
        ),
    ]


def title_of(task: dict[str, Any]) -> str:
    """Name the task and its first measure."""
    measure, scale = next(iter(task["measures"].values()))
    return f"{task['title']}: {measure}{' × 100' if scale == 1 else ''}"


def shorten(title: str) -> str:
    """Bring long names to what fits beside a panel."""
    for long, short in SHORT.items():
        title = title.replace(long, short)
    return title


if __name__ == "__main__":
    draw(
        read(REPOSITORY / "benchmarks" / "results.yaml"),
        json.loads((REPOSITORY / "docs" / "results.json").read_text()),
        Path(sys.argv[1]),
    )
