"""Orders as text files: one row number a line, to be read, edited by hand and replayed."""

from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer

NOTE = "# one row of the training data a line, 0 is the first; lines with # are notes"
MOST_DIGITS = 40


def epoch_path(folder: str | PathLike[str], epoch: int) -> Path:
    """Return where the order of an epoch lies in a folder of orders.

    Example:
        >>> from bscl_jax import shuffling
        >>> shuffling.epoch_path("orders", 1).as_posix()
        'orders/epoch-001.txt'
    """
    return Path(folder) / f"epoch-{epoch:03d}.txt"


def write_order(path: str | PathLike[str], order: Integer[np.ndarray, " n"]) -> None:
    """Write an order as text, one row number a line; its folder is made.

    The file is written aside and renamed, so there is never half of one.

    Args:
        path: the file.
        order: a permutation of 0 … n − 1.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from bscl_jax import shuffling
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = shuffling.epoch_path(folder, 1)
        ...     shuffling.write_order(path, np.array([1, 0]))
        ...     print(path.read_text().splitlines()[1:], shuffling.read_order(path, n=2))
        ['1', '0'] [1 0]
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_text("\n".join([NOTE, *map(str, order.tolist()), ""]), encoding="utf-8")
    aside.replace(path)


def read_order(path: str | PathLike[str], *, n: int) -> Int64[np.ndarray, " n"]:
    r"""Read an order and see that it is one.

    Empty lines, and lines that begin with ``#``, say nothing.

    Args:
        path: the file.
        n: rows that it must hold, each once.

    Returns:
        The permutation, ``int64 n``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no row number, a row comes twice or not at all; with file and line.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from bscl_jax import shuffling
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mine.txt"
        ...     _ = path.write_text("# easy ones first\n2\n0\n1\n")
        ...     shuffling.read_order(path, n=3).tolist()
        [2, 0, 1]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such order; a run writes its own to orders/")
    lines = np.full(n, 0)
    order = []
    for number, row in _rows(path):
        if row >= n:
            raise ValueError(
                f"{path}:{number}: must be a row from 0 to {n - 1}, was {row}; "
                "an order fits the data that it was made for"
            )
        if lines[row]:
            raise ValueError(f"{path}:{number}: row {row} stands in line {lines[row]} too")
        lines[row] = number
        order.append(row)
    if len(order) < n:
        missing = np.flatnonzero(lines == 0)
        raise ValueError(
            f"{path}: {len(missing)} of {n} rows are missing, the first is {missing[0]}; "
            "an order holds every row once"
        )
    return np.array(order, np.int64)


def _rows(path: Path) -> list[tuple[int, int]]:
    """Return line numbers, from 1 on, and row numbers."""
    found = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start}); orders are text") from None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not (line.isascii() and line.isdigit() and len(line) <= MOST_DIGITS):
            raise ValueError(f"{path}:{number}: must be one row number, was {line[:MOST_DIGITS]!r}")
        found.append((number, int(line)))
    return found
