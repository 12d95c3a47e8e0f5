"""The files of a task in one folder: all of them read, or one error with the mistakes of all."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from bscl_jax.data._errors import DataError
from bscl_jax.data._table import read_table

Parsers = Mapping[str, Callable[[str], Any]]
"""By the column's name, from a cell to its value."""
Columns = Mapping[str, list[Any]]
"""By the column's name, the values of its cells."""


def find_folder(path: str | PathLike[str], *, data: str, files: str) -> Path:
    """Return the folder of a task, or say what it should be.

    Args:
        path: the folder.
        data: what the task is called, for the message.
        files: the names of the files that belong there, for the message.

    Raises:
        FileNotFoundError: if it is no folder.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder for the data of {data}; set data.path to one with {files} "
            "(relative paths start at the working directory); docs/tasks.md says what they hold"
        )
    return folder


def read_folder(
    path: str | PathLike[str], files: Mapping[str, Parsers], *, data: str
) -> dict[str, Columns]:
    """Read the TSV files of a task.

    Args:
        path: the folder.
        files: by its name without ``.tsv``, the columns of each file.
        data: what the task is called, for the message.

    Returns:
        By the file's name, its columns.

    Raises:
        FileNotFoundError: if there is no such folder.
        DataError: if a file cannot be used; the mistakes of all are in one message.
    """
    folder = find_folder(path, data=data, files=", ".join(f"{name}.tsv" for name in files))
    tables: dict[str, Columns] = {}
    problems: list[str] = []
    for name, parsers in files.items():
        try:
            tables[name] = read_table(folder / f"{name}.tsv", parsers).columns
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return tables
