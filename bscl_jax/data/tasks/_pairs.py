"""Pairs in files of the user's own."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bscl_jax.data._table import read_table
from bscl_jax.data.tasks._columns import Parsers, Source, check_options, make_task, same_error
from bscl_jax.types import Task


def load(
    *,
    train: str | PathLike[str],
    dev: str | PathLike[str],
    test: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
) -> Task:
    """Load pairs from ``.tsv``, ``.csv`` or ``.jsonl`` files, gzipped or not.

    Without a label column every pair is positive, and dev and test are retrieval sets: the
    distinct queries of the split against its distinct targets. With one they are scored pairs.
    Either is named ``"pairs"``. Texts are equal if ``normalize_text`` makes them so.

    Args:
        train: the training file.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: the names in the files of ``query``, ``target`` and, if there is one, ``label``;
            None means ``query`` and ``target``.
        label_range: lowest and highest label, brought to 0 and 1.

    Returns:
        The task; labels in [0, 1].

    Raises:
        ValueError: if ``columns`` or ``label_range`` cannot be.
        DataError: if a file cannot be used, or dev and test are the same file. The mistakes of
            all files are in one message.
    """
    columns = check_options(columns, label_range)
    if test is not None and Path(dev).resolve() == Path(test).resolve():
        raise same_error(test, "file")
    files: dict[str, Source] = {"train": train, "dev": dev}
    if test is not None:
        files["test"] = test
    return make_task(_read, files, columns, label_range)


def _read(path: Source, parsers: Parsers) -> dict[str, list[Any]]:
    return read_table(path, parsers).columns
