"""The rows of TSV, CSV and JSON lines, each with the line on which it starts.

Readers take the lines of a file, with their ends, as they come: whole files and streams alike.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import NamedTuple, TypeVar

import numpy as np

from bscl_jax.data._errors import DataError, quote

BLANK = "the line is blank; delete it"
EMPTY = "the file is empty; give one with a row for each pair"

Content = TypeVar("Content", str, list[str] | str)
TWICE = object()
"""Stands for the values of a key that an object has twice: none of them is the value."""


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        line: the line on which the row starts; the first of the file is 1.
        cells: the asked cells in the asked order; empty where there is a problem.
        problem: what is wrong with the row as a whole, or "".
        whole: all that the row holds, as it was found.
        ends: the problem hides the rows that may follow, so that it cannot be passed over.
    """

    line: int
    cells: Sequence[str]
    problem: str = ""
    whole: Sequence[str] = ()
    ends: bool = False


def tsv_rows(
    path: str | PathLike[str],
    lines: Iterable[str],
    columns: Sequence[str],
    optional: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of tab-separated text with a header. There is no quoting: a quote is a character."""
    del optional  # the header has a column for all rows or for none
    bare = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    rows = ((n, line.split("\t") if line else []) for n, line in enumerate(bare, start=1))
    advice = "part the cells by one tab each, with none inside a text"
    return _picked(path, rows, columns, advice, advice)


def csv_rows(
    path: str | PathLike[str],
    lines: Iterable[str],
    columns: Sequence[str],
    optional: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of comma-separated text with a header; cells may be in double quotes."""
    del optional
    advice = 'put cells that hold a comma into double quotes ("")'
    return _picked(path, _split_csv(lines), columns, advice, "part the cells by commas")


def jsonl_rows(
    path: str | PathLike[str],
    lines: Iterable[str],
    columns: Sequence[str],
    optional: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of JSON lines: one object a line; numbers stay as they are written.

    Optional columns may be null or missing in some of the objects: an empty cell.
    """
    del path
    numbered = enumerate((line.rstrip() for line in lines), start=1)
    for number, line in _without_trailing_blanks(numbered):
        if not line:
            yield Row(number, (), f": {BLANK}")
            continue
        try:
            row = json.loads(
                line, parse_int=str, parse_float=str, object_pairs_hook=_without_doubles
            )
        except json.JSONDecodeError as error:
            fault = f"this is not JSON ({error.msg}); correct the line or delete it"
            yield Row(number, (), f", character {error.colno}: {fault}", (line,))
        except RecursionError:
            problem = ": the JSON is nested too deeply; write one flat object"
            yield Row(number, (), problem, (line,))
        else:
            if isinstance(row, dict):
                row |= {name: "" for name in optional if row.get(name) is None}
            yield _picked_from_object(number, row, columns, line)


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object of its keys and values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        found |= {key: TWICE for key in found if keys.count(key) > 1}
    return found


def _without_trailing_blanks(
    rows: Iterable[tuple[int, Content]],
) -> Iterator[tuple[int, Content]]:
    """Hand rows on, blank ones only once another follows."""
    blanks: list[tuple[int, Content]] = []
    for row in rows:
        blanks.append(row)
        if row[1]:
            yield from blanks
            blanks.clear()


def _split_csv(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            advice = "close or double its quotes"
            if "limit" in str(error):
                advice += ", or write so long a text to .jsonl"
            yield line, f"the row that starts here is not CSV ({error}); {advice}"
            return


def _picked(
    path: str | PathLike[str],
    rows: Iterable[tuple[int, list[str] | str]],
    columns: Sequence[str],
    advice: str,
    parted: str,
) -> Iterator[Row]:
    rows = _without_trailing_blanks(rows)
    line, header = next(rows, (0, []))
    if line == 0:
        raise DataError(f"{path}: {EMPTY}")
    if isinstance(header, str):
        raise DataError(f"{path}, line {line}: {header}")
    remedy = "name the column as the file does or correct the header"
    if len(header) == 1 < len(columns):
        remedy += f"; {parted}"
    places = [
        find_column(f"{path}, line 1", header, column, holder="header", remedy=remedy)
        for column in columns
    ]
    for line, cells in rows:
        if isinstance(cells, str):
            yield Row(line, (), f": {cells}", ends=True)
        elif not cells:
            yield Row(line, (), f": {BLANK}")
        elif len(cells) != len(header):
            found, asked = len(cells), len(header)
            cells_found = f"{found} cell{'s' * (found > 1)}"
            problem = f": the row has {cells_found}, the header {asked}; {advice}"
            yield Row(line, (), problem, cells)
        else:
            yield Row(line, [cells[place] for place in places], whole=cells)


def find_column(where: str, names: Sequence[str], column: str, *, holder: str, remedy: str) -> int:
    """Return the position of a column among those present.

    Args:
        where: what has the columns, as the message names it.
        names: the columns present.
        column: the one asked for.
        holder: the word for what lists them, such as "header".
        remedy: what to do if it is not there.

    Raises:
        DataError: if the column is not there exactly once; those present are listed.
    """
    if names.count(column) == 1:
        return names.index(column)
    present = ", ".join(quote(name) for name in names) or "none, the line is blank"
    fault = "twice or more" if column in names else "not"
    raise DataError(
        f"{where}: column {column!r} is {fault} in the {holder}; columns present: {present}; "
        f"{remedy}"
    )


def _picked_from_object(number: int, row: object, columns: Sequence[str], line: str) -> Row:
    if not isinstance(row, dict):
        problem = ': each line must be an object such as {"query": "...", "target": "..."}'
        return Row(number, (), problem, (line,))
    for column in columns:
        if column not in row:
            present = ", ".join(quote(name) for name in row) or "none"
            fault = f"the object lacks this key; keys present: {present}; add it or delete the line"
        else:
            fault = _fault_of_value(row[column], line)
        if fault:
            return Row(number, (), f", column {column!r}: {fault}", (line,))
    return Row(number, [row[column] for column in columns], whole=(line,))


def _fault_of_value(value: object, line: str) -> str:
    """Return what is wrong with the value of a key, or ""."""
    if value is TWICE:
        return "the object has this key twice or more; keep one"
    if not isinstance(value, str):
        is_plain = value is None or isinstance(value, bool | float)
        kind = json.dumps(value) if is_plain else type(value).__name__
        return f"must be a string or a number, is {kind}; write one or delete the line"
    if is_unicode(value) or not is_unicode(line):  # bytes that are not UTF-8 are for whoever parses
        return ""
    return "half of a surrogate pair is no character; write the whole pair"


def as_cell(value: object) -> str:
    """Bring a value to the form that the cells of text files have; null and NaN are empty cells."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    return str(int(value) if isinstance(value, bool) else value)


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
