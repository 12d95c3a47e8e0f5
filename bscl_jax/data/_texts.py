"""The texts of one column, a row at a time: for files that are larger than memory."""

from collections.abc import Iterable, Iterator
from os import PathLike

from bscl_jax.data._errors import SHOWN, DataError, data_error
from bscl_jax.data._parquet import parquet_rows
from bscl_jax.data._read_text import read_lines
from bscl_jax.data._rows import Row
from bscl_jax.data._table import NEWLINES, PARQUET, READERS, find_suffix, parse_row

LINES = ".txt"
COLUMN = "text"


def read_texts(path: str | PathLike[str], column: str | None = None) -> Iterator[str]:
    r"""Read texts one by one, in the order of the file.

    Never more than a few rows are in memory (of a Parquet file, a row group). A text may be empty.

    Args:
        path: a ``.txt`` file, where each line is a text, a blank one too, or any file that
            ``read_table`` reads.
        column: which column holds the texts; None takes ``"text"``. A ``.txt`` file has none.

    Returns:
        The texts.

    Raises:
        DataError: before the first text, if the file cannot be read or has no such column; after
            the last row, or the fifth that is mistaken, with a line for each mistake.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import read_texts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "questions.tsv")
        ...     _ = path.write_text("id\ttext\n1\trenew?\n2\topening hours\n", encoding="utf-8")
        ...     list(read_texts(path))
        ['renew?', 'opening hours']
    """
    problems: list[str] = []
    rows, unit = _rows(path, column)
    for row in rows:
        texts, faults = parse_row(row, {column or COLUMN: str})
        yield from texts if not faults else ()
        problems.extend(f"{unit} {row.line}{fault}" for fault in faults)
        if row.ends or len(problems) == SHOWN:
            break
    if problems:
        raise data_error(path, problems)


def _rows(path: str | PathLike[str], column: str | None) -> tuple[Iterator[Row], str]:
    suffix = find_suffix(path, (LINES, *READERS))
    if suffix == PARQUET:
        return parquet_rows(path, (column or COLUMN,)), "row"
    if suffix != LINES:
        lines = read_lines(path, newline=NEWLINES[suffix])
        return READERS[suffix](path, lines, (column or COLUMN,)), "line"
    if column is not None:
        raise DataError(f"{path}: a {LINES} file has no columns; leave {column!r} out")
    return _line_rows(read_lines(path, newline="\n")), "line"


def _line_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        yield Row(number, [line.removesuffix("\n").removesuffix("\r")])
