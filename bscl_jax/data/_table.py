"""Files of text columns, read whole or not at all."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from bscl_jax.data._cells import as_text_or_none
from bscl_jax.data._errors import DataError, data_error
from bscl_jax.data._parquet import parquet_rows
from bscl_jax.data._read_text import read_text
from bscl_jax.data._rows import Row, csv_rows, is_unicode, jsonl_rows, tsv_rows
from bscl_jax.types import RejectedRow

READERS = {".tsv": tsv_rows, ".csv": csv_rows, ".jsonl": jsonl_rows}
"""The reader of the text files of each suffix; a further ``.gz`` unpacks first."""

NEWLINES = {".tsv": "\n", ".csv": "", ".jsonl": "\n"}
"""What ends a line in each of them: line feeds alone, or any line end."""

PARQUET = ".parquet"

ON_ERROR = ("error", "skip", "quarantine")
"""What becomes of rows that cannot be used: nothing is read, or they are passed over. Whether those
are also written to a file is for the caller, who is given them."""


class Table(NamedTuple):
    """The columns of a file. All have n rows.

    Attributes:
        path: the file.
        columns: by name, the parsed cells.
        lines: the line on which each row starts; the first line of the file is 1. A Parquet file
            has no lines: the numbers of the rows, from 1 on.
        rejected: the rows that were passed over; none of the others' n.
        unit: what ``lines`` counts, "line" or "row".
    """

    path: Path
    columns: dict[str, list[Any]]
    lines: list[int]
    rejected: list[RejectedRow]
    unit: str


def read_table(
    path: str | PathLike[str],
    columns: Mapping[str, Callable[[str], Any]],
    *,
    on_error: str = "error",
) -> Table:
    r"""Read columns of a ``.tsv``, ``.csv`` or ``.jsonl`` file, gzipped or not, or a ``.parquet``.

    TSV and CSV start with a header. TSV has no quoting: a quote is a character like others. JSON
    lines hold one object a line, whose numbers are taken as they are written. Other columns may
    be there; blank lines at the end are passed over.

    Args:
        path: the file, UTF-8.
        columns: the asked columns, each with the parser of its cells: ``as_text``,
            ``as_text_or_none``, ``as_score(low, high)``, ``one_of(...)`` or any function of the
            cell that raises ValueError with a message that ends in the remedy. With
            ``as_text_or_none`` a JSON object may lack the key.
        on_error: ``"error"`` reads the file whole or not at all; ``"skip"`` and ``"quarantine"``
            pass over rows that cannot be used and return them beside the others. A file that
            cannot be read as a whole, a header without an asked column and an unclosed quote of a
            CSV are errors always.

    Returns:
        The table, at least one row.

    Raises:
        ValueError: if ``on_error`` is unknown.
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
    check_on_error(on_error)
    suffix = find_suffix(path)
    if suffix == PARQUET:
        rows, unit = parquet_rows(path, tuple(columns)), "row"
    else:
        text = read_text(path, undecodable="refuse" if on_error == "error" else "keep")
        optional = [name for name, parse in columns.items() if parse is as_text_or_none]
        lines = io.StringIO(text, newline=NEWLINES[suffix])
        rows, unit = READERS[suffix](path, lines, tuple(columns), optional), "line"
    values, lines, rejected = parse_rows(path, rows, columns, unit=unit, on_error=on_error)
    if not lines:
        header = "" if unit == "row" else "a header but "
        raise DataError(f"{path}: the file has {header}no rows; give a row for each pair")
    return Table(Path(path), values, lines, rejected, unit)


def check_on_error(on_error: str) -> None:
    """Refuse a way to treat defective rows that is not known."""
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error must be one of {', '.join(ON_ERROR)}, got {on_error!r}")


def parse_rows(
    source: str | PathLike[str],
    rows: Iterable[Row],
    columns: Mapping[str, Callable[[str], Any]],
    *,
    unit: str,
    on_error: str = "error",
) -> tuple[dict[str, list[Any]], list[int], list[RejectedRow]]:
    """Parse the cells of rows.

    Args:
        source: what the rows were read from, as messages name it.
        rows: the rows, with the cells of the columns in their order.
        columns: by name, the parsers of the cells.
        unit: what ``Row.line`` counts: "line" or "row".
        on_error: as in ``read_table``.

    Returns:
        By name the values of each column, the number of each row, and the rows passed over.

    Raises:
        DataError: as ``read_table`` says.
    """
    values: dict[str, list[Any]] = {name: [] for name in columns}
    numbers: list[int] = []
    problems: list[str] = []
    rejected: list[RejectedRow] = []
    for row in rows:
        found, faults = parse_row(row, columns)
        if not faults:
            numbers.append(row.line)
            for of_column, value in zip(values.values(), found, strict=True):
                of_column.append(value)
            continue
        place = f"{unit} {row.line}"
        problems.extend(f"{place}{fault}" for fault in faults)
        if row.ends:
            raise data_error(source, problems)
        what = "; ".join(fault.lstrip(",: ") for fault in faults)
        rejected.append(RejectedRow(str(source), place, what, tuple(row.whole)))
    if problems and (on_error == "error" or not numbers):
        raise data_error(source, problems)
    return values, numbers, rejected


def parse_row(row: Row, columns: Mapping[str, Callable[[str], Any]]) -> tuple[list[Any], list[str]]:
    """Return the values of a row, or what is wrong with it."""
    if row.problem:
        return [], [row.problem]
    values: list[Any] = []
    faults: list[str] = []
    for (name, parse), cell in zip(columns.items(), row.cells, strict=True):
        try:
            values.append(parse(cell))
        except ValueError as error:
            faults.append(f", column {name!r}: {error}")
        else:
            if not is_unicode(cell):
                advice = "save the file as UTF-8 (iconv -f ENCODING -t UTF-8)"
                faults.append(f", column {name!r}: the text is not UTF-8; {advice}")
    return values, faults


def find_suffix(path: str | PathLike[str], texts: Sequence[str] = tuple(READERS)) -> str:
    """Return what says how a file is read.

    Args:
        path: the file.
        texts: the known suffixes of text files, each of which may be gzipped.

    Returns:
        One of them, or that of Parquet, in lower case.

    Raises:
        DataError: if the suffix is another one.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    known = {*texts, PARQUET}
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
        known = set(texts)
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in known:
        raise DataError(
            f"{path}: unknown suffix {suffix!r}; known are {', '.join(texts)}, each also with "
            f".gz, and {PARQUET}; convert or rename the file"
        )
    return suffix
