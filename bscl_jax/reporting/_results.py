"""Baseline beside trained, as a table for a terminal and for Markdown."""

from collections.abc import Mapping
from typing import NamedTuple

from rich.table import Table

from bscl_jax.reporting._table import measures_table


class Row(NamedTuple):
    """One measure before and after training; ``gain`` is after − before."""

    set: str
    measure: str
    baseline: float
    trained: float
    gain: float


def compare(baseline: Mapping[str, float], trained: Mapping[str, float]) -> list[Row]:
    """Pair up the measures that both sides have.

    Args:
        baseline: ``{"set/measure": value}`` before training.
        trained: the same after training.

    Returns:
        One row for each common name, in the order of ``trained``.

    Example:
        >>> from bscl_jax.reporting import compare
        >>> row, = compare({"seen/mrr": 0.5}, {"seen/mrr": 0.75})
        >>> row.set, row.measure, row.gain
        ('seen', 'mrr', 0.25)
    """
    rows: list[Row] = []
    for name, after in trained.items():
        if name in baseline:
            group, _, measure = name.partition("/")
            rows.append(Row(group, measure, baseline[name], after, after - baseline[name]))
    return rows


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
        color = "green" if row.gain > 0 else "red" if row.gain < 0 else ""
        gain = f"[{color}]{row.gain:+.4f}[/]" if color else f"{row.gain:+.4f}"
        cells[f"{row.set}/{row.measure}"] = [f"{row.baseline:.4f}", f"{row.trained:.4f}", gain]
    return measures_table(cells, ["baseline", "trained", "gain"], title=title)


def results_markdown(baseline: Mapping[str, float], trained: Mapping[str, float]) -> str:
    """Return :func:`compare` as a Markdown table.

    Example:
        >>> from bscl_jax.reporting import results_markdown
        >>> print(results_markdown({"seen/mrr": 0.5}, {"seen/mrr": 0.75}))
        | set | measure | baseline | trained | gain |
        |---|---|---:|---:|---:|
        | seen | mrr | 0.5000 | 0.7500 | +0.2500 |
    """
    lines = ["| set | measure | baseline | trained | gain |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.set} | {row.measure} | {row.baseline:.4f} | {row.trained:.4f} | {row.gain:+.4f} |"
        for row in compare(baseline, trained)
    ]
    return "\n".join(lines)
