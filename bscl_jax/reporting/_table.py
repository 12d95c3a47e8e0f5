"""Measures below each other, a rule between the sets, for a terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table


def measures_table(
    cells: Mapping[str, Sequence[str]], columns: Sequence[str], *, title: str
) -> Table:
    """Return a table with a row for each measure; a set is named once.

    Args:
        cells: by ``"set/measure"``, the texts of its row; the measures of a set follow each other.
        columns: what stands above them.
        title: what stands above the table.

    Example:
        >>> from bscl_jax.reporting import measures_table
        >>> table = measures_table({"seen/mrr": ["0.5"]}, ["trained"], title="test split")
        >>> [column.header for column in table.columns], table.row_count
        (['set', 'measure', 'trained'], 1)
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("set", "measure"):
        table.add_column(column, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")  # no digit is ever cut off
    previous = None
    for name, row in cells.items():
        group, _, measure = name.partition("/")
        if previous not in (None, group):
            table.add_section()
        table.add_row("" if previous == group else group, measure, *row)
        previous = group
    return table
