"""Files of text columns, read whole or not at all."""

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from bscl_jax.data._errors import DataError, data_error
from bscl_jax.data._read_text import read_text
from bscl_jax.data._rows import Row, csv_rows, jsonl_rows, tsv_rows

READERS = {".tsv": tsv_rows, ".csv": csv_rows, ".jsonl": jsonl_rows}
"""The reader of each suffix; a further ``.gz`` unpacks first."""


class Table(NamedTuple):
    """The columns of a file. All have n rows.

    Attributes:
        path: the file.
        columns: by name, the parsed cells.
        lines: the line on which each row starts; the first line of the file is 1.
    """

    path: Path
    columns: dict[str, list[Any]]
    lines: list[int]


def read_table(path: str | PathLike[str], columns: Mapping[str, Callable[[str], Any]]) -> Table:
    r"""Read columns of a ``.tsv``, ``.csv`` or ``.jsonl`` file, gzipped or not.

    TSV and CSV start with a header. TSV has no quoting: a quote is a character like others. JSON
    lines hold one object a line, whose numbers are taken as they are written. Other columns may
    be there; blank lines at the end are passed over.

    Args:
        path: the file, UTF-8.
        columns: the asked columns, each with the parser of its cells: ``as_text``,
            ``as_score(low, high)``, ``one_of(...)`` or any function of the cell that raises
            ValueError with a message that ends in the remedy.

    Returns:
        The whole table, at least one row.

    Raises:
        DataError: with one line for each of the first five mistakes, naming file, line, column
            and remedy, and the number of all of them.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import as_score, as_text, read_table
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "pairs.tsv")
        ...     _ = path.write_text("a\tb\tlabel\nrenew\textend a loan\t4.5\n", encoding="utf-8")
        ...     table = read_table(path, {"a": as_text, "label": as_score(0, 5)})
        >>> table.columns
        {'a': ['renew'], 'label': [4.5]}
        >>> table.lines
        [2]
    """
    rows = _reader(path)(path, read_text(path), tuple(columns))
    values, lines = parse_rows(path, rows, columns, unit="line")
    if not lines:
        raise DataError(f"{path}: the file has a header but no rows; give a row for each pair")
    return Table(Path(path), values, lines)


def parse_rows(
    source: str | PathLike[str],
    rows: Iterable[Row],
    columns: Mapping[str, Callable[[str], Any]],
    *,
    unit: str,
) -> tuple[dict[str, list[Any]], list[int]]:
    """Parse the cells of rows.

    Args:
        source: what the rows were read from, as messages name it.
        rows: the rows, with the cells of the columns in their order.
        columns: by name, the parsers of the cells.
        unit: what ``Row.line`` counts: "line" or "row".

    Returns:
        By name the values of each column, and the number of each row.

    Raises:
        DataError: as ``read_table`` says.
    """
    values: dict[str, list[Any]] = {name: [] for name in columns}
    numbers: list[int] = []
    problems: list[str] = []
    for row in rows:
        numbers.append(row.line)
        if row.problem:
            problems.append(f"{unit} {row.line}{row.problem}")
            continue
        for (name, parse), cell in zip(columns.items(), row.cells, strict=True):
            try:
                values[name].append(parse(cell))
            except ValueError as error:
                problems.append(f"{unit} {row.line}, column {name!r}: {error}")
    if problems:
        raise data_error(source, problems)
    return values, numbers


def _reader(path: str | PathLike[str]) -> Callable[..., Any]:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in READERS:
        known = ", ".join(READERS)
        raise DataError(
            f"{path}: unknown suffix {suffix!r}; known are {known}, each also with .gz; "
            "convert or rename the file"
        )
    return READERS[suffix]
