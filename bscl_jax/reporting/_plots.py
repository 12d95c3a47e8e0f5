"""The curves of a run as SVG text, drawn without a display."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from bscl_jax.reporting._line_names import End, name_lines

INK = "#5b6472"
COLORS = ("#2a6fbb", "#d9822b", "#3a9a5b", "#9b59b6", "#c0392b", "#16a2b8")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bscl_jax",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#8a93a2",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
}


def step_curve(
    steps: Sequence[int],
    values: Sequence[float],
    *,
    label: str,
    smooth: bool = False,
    marks: Mapping[float, str] | None = None,
) -> str:
    """Draw one value against the training step.

    Args:
        steps: step numbers.
        values: one value for each.
        label: what is drawn, with its unit.
        smooth: lay a running mean over a twentieth of the steps above the raw values.
        marks: names of upright lines, by where they stand.

    Returns:
        An ``<svg>`` element.
    """
    window = max(1, len(values) // 20)
    mean = [
        sum(values[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(values))
    ]

    def draw(axes: Any) -> None:
        if smooth:
            axes.plot(steps, values, color=COLORS[0], alpha=0.3, linewidth=0.9)
        alone = {"marker": "o", "ms": 4} if len(values) == 1 else {}
        axes.plot(steps, mean if smooth else values, color=COLORS[0], linewidth=1.8, **alone)
        axes.set_xlabel("step")
        _mark(axes, marks)

    return _svg(label, draw)


def epoch_curves(
    epochs: Sequence[int],
    curves: Mapping[str, Sequence[float | None]],
    *,
    label: str,
    marks: Mapping[float, str] | None = None,
) -> str:
    """Draw measures against the epoch; epoch 0 is the model before training.

    Args:
        epochs: epoch numbers.
        curves: one value for each epoch, by name; None where it is not defined.
        label: what is drawn.
        marks: names of upright lines, by where they stand.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        ends = []
        for i, (name, values) in enumerate(curves.items()):
            color = COLORS[i % len(COLORS)]
            points = [(x, y) for x, y in zip(epochs, values, strict=True) if y is not None]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), color=color, linewidth=1.8, marker="o", ms=4)
            ends.append(End(name, color, points[-1]))
        name_lines(axes, ends)
        axes.set_xlabel("epoch")
        _mark(axes, marks)

    return _svg(label, draw, right=0.80)


def _mark(axes: Any, marks: Mapping[float, str] | None) -> None:
    for at, name in (marks or {}).items():
        axes.axvline(at, color=INK, linewidth=1, linestyle="--")
        axes.annotate(
            name,
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2, 3),  # above the axes, left of the names of lines
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )


def _svg(label: str, draw: Any, *, right: float = 0.97) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.1))
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        figure.subplots_adjust(left=0.15, right=right, top=0.86, bottom=0.17)
        draw(axes)
        # There is no step 2.5.
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter("{x:.4g}")
        axes.set_title(label, loc="left", fontsize=12, pad=16)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
