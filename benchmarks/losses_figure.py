"""The figure of a report that ``losses.py`` has written: memory and time against N.

python benchmarks/losses_figure.py losses.json docs/figures/losses.svg
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any color vision; markers tell the libraries apart.
STYLES = {
    "dense": ("#000000", "o"),
    "tiled": ("#D55E00", "o"),
    "panels": ("#CC79A7", "o"),
    "sentence_transformers": ("#0072B2", "s"),
    "sentence_transformers_cached": ("#56B4E9", "s"),
    "representax": ("#009E73", "^"),
    "representax_chunked": ("#86B5A0", "^"),
    "inf_cl": ("#E69F00", "D"),
}
GRAY = "#888888"
APART = 0.055  # of the panel's height, between two names
AWAY = 0.03  # of the panel's width, between it and the names


class Line(NamedTuple):
    """One contender: its sizes, its values, and where it was run rather than planned."""

    label: str
    color: str
    marker: str
    sizes: list[int]
    values: list[float]
    ran: list[bool]


def draw(report: dict, path: Path) -> None:
    """Writes the figure; the file's ending chooses the format."""
    with mpl.rc_context({"svg.hashsalt": "losses", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(11.5, 4.4), layout="constrained")
        memory, time = figure.subplots(1, 2)
        _panel(memory, _lines(report, _memory), "memory besides the embeddings", _size)
        _floor(time, report)
        _panel(time, _lines(report, _time), "time of value and both gradients", _duration)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a date equal reports give equal files.
        figure.savefig(path, dpi=200, metadata={"Date": None} if path.suffix == ".svg" else None)


def _lines(report: dict, quantity: Callable[[dict], float | None]) -> list[Line]:
    lines: dict[str, Line] = {}
    for case in report["cases"]:
        name, value = case["contender"], quantity(case)
        if value is None:
            continue
        color, marker = STYLES.get(name, (GRAY, "x"))
        line = lines.setdefault(name, Line(case["label"], color, marker, [], [], []))
        line.sizes.append(case["n"])
        line.values.append(value)
        line.ran.append(case["quartiles"] is not None)
    return list(lines.values())


def _memory(case: dict) -> int | None:
    """As the compiler planned it; as it was measured where nothing is compiled."""
    return case["compiled_bytes"] or case["peak_bytes"] or None


def _time(case: dict) -> float | None:
    return case["quartiles"][1] if case["quartiles"] else None


def _floor(axes: Axes, report: dict) -> None:
    """What the operations of the tiled loss take at the rate of a plain matrix product."""
    rate = report["machine"]["matmul_flops_per_second"]
    sizes = sorted({case["n"] for case in report["cases"] if case["quartiles"]})
    if not rate or not sizes:
        return
    seconds = [8 * n**2 * report["dimension"] / rate for n in sizes]
    axes.plot(sizes, seconds, color=GRAY, lw=0.9, ls=":", zorder=0)
    axes.annotate(
        "8·N²·d at matmul speed",
        (sizes[len(sizes) // 2], seconds[len(sizes) // 2]),
        (5, -3),
        textcoords="offset points",
        va="top",
        color=GRAY,
        fontsize=8,
    )


def _panel(axes: Axes, lines: list[Line], title: str, write: Callable[[float], str]) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("N, pairs in the batch")
    if not lines:
        return
    axes.set(xscale="log", yscale="log")
    for line in lines:
        axes.plot(line.sizes, line.values, color=line.color, lw=1.4)
        for n, value, ran in zip(line.sizes, line.values, line.ran, strict=True):
            face = line.color if ran else "white"
            marker = {"marker": line.marker, "markersize": 4.5, "markerfacecolor": face}
            axes.plot(n, value, color=line.color, clip_on=False, zorder=3, **marker)
    _scales(axes, sorted({n for line in lines for n in line.sizes}), write)
    _name_lines(axes, lines)


def _scales(axes: Axes, sizes: list[int], write: Callable[[float], str]) -> None:
    """Ticks at the sizes that were measured, and at round numbers of bytes or seconds."""
    low, high = axes.get_ylim()
    steps = [16.0**k for k in range(1, 14)] if write is _size else [10.0**k for k in range(-6, 6)]
    steps = [step for step in steps if low <= step <= high]
    axes.set_xticks(sizes, [f"{n // 1024}k" if n % 1024 == 0 else str(n) for n in sizes])
    axes.set_yticks(steps, [write(step) for step in steps])
    axes.minorticks_off()
    axes.set_xlim(axes.get_xlim()[0], sizes[-1])
    axes.set_ylim(low, high)
    axes.grid(color="#E6E6E6", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)


def _name_lines(axes: Axes, lines: list[Line]) -> None:
    """Writes every line's name beside the panel at the height of its end; hairlines lead there."""
    to_panel = axes.transData + axes.transAxes.inverted()
    ends = [to_panel.transform((line.sizes[-1], line.values[-1])) for line in lines]
    heights = spread([end[1] for end in ends], APART)
    for line, end, height in zip(lines, ends, heights, strict=True):
        path = [end[0], max(end[0], 1.0), 1 + AWAY], [end[1], end[1], height]
        hairline = {"color": line.color, "lw": 0.5, "alpha": 0.7, "clip_on": False, "zorder": 1}
        axes.plot(*path, transform=axes.transAxes, **hairline)
        place = {"transform": axes.transAxes, "va": "center"}
        axes.text(1 + 1.4 * AWAY, height, line.label, color=line.color, **place)


def spread(heights: list[float], apart: float) -> list[float]:
    """Moves values ``apart`` where they touch, keeping their order and each group's middle."""
    groups: list[tuple[float, list[int]]] = []
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        groups.append((heights[index], [index]))
        while len(groups) > 1:
            (below, lower), (above, upper) = groups[-2:]
            if above - below >= (len(lower) + len(upper)) / 2 * apart:
                break
            members = lower + upper
            middle = sum(heights[i] for i in members) / len(members)
            groups[-2:] = [(middle, members)]
    placed = dict.fromkeys(range(len(heights)), 0.0)
    for middle, members in groups:
        for rank, index in enumerate(members):
            placed[index] = middle + (rank - (len(members) - 1) / 2) * apart
    return list(placed.values())


def _size(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:g} {unit}"
        value /= 1024
    return f"{value:g} TiB"


def _duration(value: float) -> str:
    if value < 1e-3:
        return f"{1e6 * value:g} µs"
    return f"{1e3 * value:g} ms" if value < 1 else f"{value:g} s"


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
