"""The one error of this room, and how its message is put together."""

from collections.abc import Sequence
from os import PathLike

SHOWN = 5
"""So many mistakes of a file are spelled out; the rest are counted."""


class DataError(ValueError):
    """A file that cannot be used: the message names file, line, column and remedy.

    Example:
        >>> from bscl_jax.data import DataError, as_text, read_table
        >>> try:
        ...     read_table("missing.tsv", {"query": as_text})
        ... except DataError as error:
        ...     print(error)
        missing.tsv: no such file; check the path (relative paths start at the working directory)
    """


def data_error(path: str | PathLike[str], problems: Sequence[str]) -> DataError:
    """Make one error of all the problems of a file, one line each.

    Args:
        path: the file.
        problems: what is wrong, each starting with its place in the file ("line 3, ...").
    """
    lines = [f"{path}, {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"{len(problems)} errors in {path}; the first {SHOWN} are shown")
    elif len(problems) > 1:
        lines.append(f"{len(problems)} errors in {path}")
    return DataError("\n".join(lines))


def quote(value: str, width: int = 40) -> str:
    """Show a value of the file in a message, cut to ``width`` characters."""
    return repr(value if len(value) <= width else value[: width - 1] + "…")
