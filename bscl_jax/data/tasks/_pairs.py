"""Pairs in files of the user's own."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bscl_jax.data._table import read_table
from bscl_jax.data.tasks._columns import Parsers, Source, check_options, make_task, same_error
from bscl_jax.types import RejectedRow, Task


def load(
    *,
    train: str | PathLike[str],
    dev: str | PathLike[str],
    test: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    on_error: str = "error",
) -> Task:
    """Load pairs from ``.tsv``, ``.csv`` or ``.jsonl`` files, gzipped or not, or ``.parquet``.

    Without a label column every pair is positive, and dev and test are retrieval sets: the
    distinct queries of the split against its distinct targets. With one they are scored pairs.
    Either is named ``"pairs"``. Texts are equal if ``normalize_text`` makes them so.

    Args:
        train: the training file.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: the names in the files of ``query``, ``target`` and, if there are such, ``label``
            and ``negative`` or ``negative_1``, ``negative_2``, …, hard negatives of the query,
            which the training file alone must have and whose cells may be empty; None means
            ``query`` and ``target``.
        label_range: lowest and highest label, brought to 0 and 1.
        on_error: what becomes of rows that cannot be used: ``"error"``, ``"skip"`` or
            ``"quarantine"``. The last two pass over them; ``Task.rejected`` holds them.

    Returns:
        The task; labels in [0, 1].

    Raises:
        ValueError: if ``columns``, ``label_range`` or ``on_error`` cannot be.
        DataError: if a file cannot be used, or dev and test are the same. The mistakes of
            all files are in one message.
    """
    columns = check_options(columns, label_range, on_error)
    if test is not None and Path(dev).resolve() == Path(test).resolve():
        raise same_error(test, "file")
    files: dict[str, Source] = {"train": train, "dev": dev}
    if test is not None:
        files["test"] = test

    def read(path: Source, parsers: Parsers) -> tuple[dict[str, list[Any]], list[RejectedRow]]:
        table = read_table(path, parsers, on_error=on_error)
        return table.columns, table.rejected

    return make_task(read, files, columns, label_range)
