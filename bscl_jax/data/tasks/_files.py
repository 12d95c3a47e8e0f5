"""Rows in files of the user's own."""

from os import PathLike
from pathlib import Path

from bscl_jax.data._table import read_table
from bscl_jax.data.tasks._splits import Found, Parsers, Read, Source, same_error


def file_sources(
    train: str | PathLike[str], dev: str | PathLike[str], test: str | PathLike[str] | None
) -> dict[str, Source]:
    """Return the files by part.

    Raises:
        DataError: if dev and test are the same file.
    """
    files: dict[str, Source] = {"train": train, "dev": dev}
    if test is None:
        return files
    if Path(dev).resolve() == Path(test).resolve():
        raise same_error(test, "file")
    return files | {"test": test}


def file_reader(on_error: str) -> Read:
    """Make a reader of files that treats rows that cannot be used in this way."""

    def read(path: Source, parsers: Parsers) -> Found:
        table = read_table(path, parsers, on_error=on_error)
        return Found(table.columns, table.lines, table.unit, table.rejected)

    return read
