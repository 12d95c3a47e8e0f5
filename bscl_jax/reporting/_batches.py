"""What the batches of each epoch held, as a table for a terminal and for the report."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table


class Column(NamedTuple):
    """A fact of the batches: its name, what stands above it, and how it is written."""

    name: str
    header: str
    format: str


COLUMNS = (
    Column("distinct_queries", "distinct queries a batch", "{:.1f}"),
    Column("duplicates", "duplicates", "{:.2%}"),
    Column("known_positives", "known positives", "{:.2%}"),
    Column("similarity", "similarity of negatives", "{:.3f}"),
    Column("hard", "hard among them", "{:.2%}"),
    Column("extras", "extra candidates a batch", "{:.1f}"),
    Column("extra_similarity", "their similarity", "{:.3f}"),
    Column("extra_hard", "hard among them", "{:.2%}"),
)

LEGEND = (
    "A couple is a query and the target of another pair of its batch. Duplicates are couples of "
    "pairs that share a text. Known positives belong together by some pair of the data; the rest "
    "are negatives, hard if they are more similar to the query than its own target is."
)


class BatchRows(NamedTuple):
    """A table as text: what stands above each column, and a row of cells for each epoch."""

    headers: list[str]
    rows: list[list[str]]


def batch_rows(records: Sequence[Mapping[str, Any]]) -> BatchRows:
    """Return the facts of batches as text, a row for each epoch.

    Args:
        records: ``{"epoch": 1, "distinct_queries": …, …}``; a fact that is None has no value, and
            one that no epoch has gets no column.

    Example:
        >>> from bscl_jax.reporting import batch_rows
        >>> batch_rows([{"epoch": 1, "duplicates": 0.125, "hard": None}])
        BatchRows(headers=['epoch', 'duplicates', 'hard among them'], rows=[['1', '12.50%', '–']])
    """
    columns = [column for column in COLUMNS if any(column.name in record for record in records)]
    rows = [
        [str(record["epoch"]), *(_cell(record.get(column.name), column) for column in columns)]
        for record in records
    ]
    return BatchRows(["epoch", *(column.header for column in columns)], rows)


def batches_note(records: Sequence[Mapping[str, Any]]) -> str:
    """Say how many batches an epoch has, and in how many of them similarities were measured.

    Example:
        >>> from bscl_jax.reporting import batches_note
        >>> batches_note([{"epoch": 1, "batches": 14, "sampled_batches": 2}])
        '14 batches an epoch, similarities in 2 of them'
    """
    counts = dict.fromkeys((record["batches"], record["sampled_batches"]) for record in records)
    return "; ".join(
        f"{count} batches an epoch" + (f", similarities in {sampled} of them" * (sampled < count))
        for count, sampled in counts
    )


def batches_table(records: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Return :func:`batch_rows` as a table for the terminal, with what its words mean below it.

    Example:
        >>> from bscl_jax.reporting import batches_table
        >>> table = batches_table([{"epoch": 1, "duplicates": 0.125}], title="batches")
        >>> [column.header for column in table.columns]
        ['epoch', 'duplicates']
    """
    headers, rows = batch_rows(records)
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=LEGEND,
        caption_justify="left",
        caption_style="dim",
    )
    for header in headers:
        table.add_column(header, justify="right", vertical="bottom")
    for row in rows:
        table.add_row(*row)
    return table


def _cell(value: int | float | None, column: Column) -> str:
    return "–" if value is None else column.format.format(value)
