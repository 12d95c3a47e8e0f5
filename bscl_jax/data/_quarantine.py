"""Rows that were passed over, kept in a file where they can be looked at and put right."""

import json
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from bscl_jax.types import RejectedRow


def write_quarantine(path: str | PathLike[str], rejected: Iterable[RejectedRow]) -> int:
    """Write rows that were passed over as JSON lines: source, place, problem, and the row's cells.

    Args:
        path: the file, written anew. It is ASCII: a byte that is not UTF-8, such as 0xe9, is the
            lone surrogate of it, U+DCE9, escaped.
        rejected: the rows, of ``Task.rejected`` or ``Table.rejected``.

    Returns:
        How many there are.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import write_quarantine
        >>> from bscl_jax.types import RejectedRow
        >>> row = RejectedRow("a.tsv", "line 3", "the text is empty; fill the cell", ("", "b"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "quarantine.jsonl")
        ...     write_quarantine(path, [row]), path.read_text()[:18]
        (1, '{"source": "a.tsv"')
    """
    lines = [json.dumps(row._asdict()) + "\n" for row in rejected]
    Path(path).write_text("".join(lines), encoding="ascii")
    return len(lines)
