"""The names of lines, beside their last points."""

from collections.abc import Sequence
from typing import Any, NamedTuple

GAP = 14
"""Points from one name to the next above it, a little more than a letter is high."""


class End(NamedTuple):
    """Where a line ends.

    Attributes:
        name: of the line.
        color: of the line.
        point: its last point, x and y.
    """

    name: str
    color: str
    point: tuple[float, float]


def name_lines(axes: Any, ends: Sequence[End]) -> None:
    """Write each line's name to the right of its end, none over another.

    Args:
        axes: axes at their final place in the figure, with all lines drawn.
        ends: where the lines end.
    """
    axes.autoscale_view()  # else the limits are not yet those of the lines
    points = 72 / axes.figure.dpi
    height = axes.bbox.height * points
    ends = sorted(ends, key=lambda end: end.point[1])
    at = [(axes.transData.transform(end.point)[1] - axes.bbox.y0) * points for end in ends]
    for end, own, free in zip(ends, at, spread(at, gap=GAP, top=height), strict=True):
        axes.annotate(
            end.name,
            end.point,
            xytext=(7, free - own),
            textcoords="offset points",
            va="center",
            color=end.color,
            annotation_clip=False,
        )


def spread(places: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Move places apart, upward as long as there is room below ``top``, then downward.

    Args:
        places: rising.
        gap: least distance of two neighbors, in the unit of ``places``.
        top: the highest place that may come of it.

    Returns:
        Places in the same order, those that are far enough from others unchanged.
    """
    found = list(places)
    for i in range(1, len(found)):
        found[i] = max(found[i], found[i - 1] + gap)
    for i in reversed(range(len(found))):
        found[i] = min(found[i], top if i == len(found) - 1 else found[i + 1] - gap)
    return found
