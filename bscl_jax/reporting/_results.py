"""Baseline beside trained, as a table for a terminal and for Markdown."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.table import Table

from bscl_jax.reporting._table import measures_table

NONE = "–"
"""Stands for what is not defined."""

Ends = Mapping[str, Sequence[float]]
"""Low and high of an interval of what was ``"trained"``, and of the ``"gain"``."""


class Row(NamedTuple):
    """One measure before and after training; ``gain`` is after − before.

    Before training it may be not defined: ``baseline`` and ``gain`` are None. ``of_trained`` and
    ``of_gain`` are low and high of their intervals, None where there are none.
    """

    set: str
    measure: str
    baseline: float | None
    trained: float
    gain: float | None
    of_trained: Sequence[float] | None = None
    of_gain: Sequence[float] | None = None

    def shown(self) -> tuple[str, str, str]:
        """Return baseline, trained and gain to four decimals, with their intervals."""
        return (
            NONE if self.baseline is None else f"{self.baseline:.4f}",
            f"{self.trained:.4f}{_bracket(self.of_trained, '.4f')}",
            NONE if self.gain is None else f"{self.gain:+.4f}{_bracket(self.of_gain, '+.4f')}",
        )


def compare(
    baseline: Mapping[str, float],
    trained: Mapping[str, float],
    intervals: Mapping[str, Ends] | None = None,
) -> list[Row]:
    """Pair up the measures after training with those before it.

    Args:
        baseline: ``{"set/measure": value}`` before training.
        trained: the same after training.
        intervals: ``{"set/measure": {"trained": [low, high], "gain": [low, high]}}``, of some.

    Returns:
        One row for each name, in the order of ``trained``.

    Example:
        >>> from bscl_jax.reporting import compare
        >>> row, = compare({"seen/mrr": 0.5}, {"seen/mrr": 0.75})
        >>> row.set, row.measure, row.gain
        ('seen', 'mrr', 0.25)
    """
    rows: list[Row] = []
    for name, after in trained.items():
        group, _, measure = name.partition("/")
        before, ends = baseline.get(name), (intervals or {}).get(name, {})
        values = before, after, None if before is None else after - before
        rows.append(Row(group, measure, *values, ends.get("trained"), ends.get("gain")))
    return rows


def _bracket(ends: Sequence[float] | None, form: str) -> str:
    return "" if ends is None else f" [{ends[0]:{form}}, {ends[1]:{form}}]"


def results_table(
    baseline: Mapping[str, float], trained: Mapping[str, float], *, title: str
) -> Table:
    """Return :func:`compare` as a table for the terminal, a rule between the sets.

    Example:
        >>> from bscl_jax.reporting import results_table
        >>> table = results_table({"seen/mrr": 0.5}, {"seen/mrr": 0.75}, title="test split")
        >>> [column.header for column in table.columns]
        ['set', 'measure', 'baseline', 'trained', 'gain']
    """
    cells: dict[str, list[str]] = {}
    for row in compare(baseline, trained):
        sign = row.gain or 0
        color = "green" if sign > 0 else "red" if sign < 0 else ""
        before, trained_to, gain = row.shown()
        cells[f"{row.set}/{row.measure}"] = [
            before,
            trained_to,
            f"[{color}]{gain}[/]" if color else gain,
        ]
    return measures_table(cells, ["baseline", "trained", "gain"], title=title)


def results_markdown(
    baseline: Mapping[str, float],
    trained: Mapping[str, float],
    intervals: Mapping[str, Ends] | None = None,
) -> str:
    """Return :func:`compare` as a Markdown table.

    Example:
        >>> from bscl_jax.reporting import results_markdown
        >>> ends = {"trained": [0.65, 0.85], "gain": [0.15, 0.35]}
        >>> print(results_markdown({"seen/mrr": 0.5}, {"seen/mrr": 0.75}, {"seen/mrr": ends}))
        | set | measure | baseline | trained | gain |
        |---|---|---:|---:|---:|
        | seen | mrr | 0.5000 | 0.7500 [0.6500, 0.8500] | +0.2500 [+0.1500, +0.3500] |
    """
    lines = ["| set | measure | baseline | trained | gain |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.set} | {row.measure} | {' | '.join(row.shown())} |"
        for row in compare(baseline, trained, intervals)
    ]
    return "\n".join(lines)
