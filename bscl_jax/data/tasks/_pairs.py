"""Pairs in files of the user's own."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from bscl_jax.data._cells import as_score, as_text
from bscl_jax.data._errors import DataError
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data._table import read_table
from bscl_jax.types import EvaluationSet, Pairs, ScoredPairs, Task

REQUIRED = ("query", "target")
KNOWN = (*REQUIRED, "label")


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
    columns = dict(columns) if columns is not None else {name: name for name in REQUIRED}
    _check_columns(columns)
    _check_range(label_range)
    if test is not None and Path(dev).resolve() == Path(test).resolve():
        raise DataError(
            f"{test}: dev and test are the same file, so the test would judge what it chose; "
            "give a test file of its own or none"
        )
    splits = _read_all(
        [path for path in (train, dev, test) if path is not None], columns, label_range
    )
    return Task(
        train=splits[train],
        dev={"pairs": _evaluation_set(dev, splits[dev])},
        test={} if test is None else {"pairs": _evaluation_set(test, splits[test])},
    )


def _check_columns(columns: Mapping[str, str]) -> None:
    if not set(REQUIRED) <= set(columns) <= set(KNOWN):
        raise ValueError(
            f"columns must name query, target and, if there is one, label; got {columns}"
        )
    if len(set(columns.values())) < len(columns):
        raise ValueError(f"columns must name a column of its own for each part; got {columns}")


def _check_range(label_range: Sequence[float]) -> None:
    if len(label_range) != 2 or not label_range[0] < label_range[1]:
        raise ValueError(
            f"label_range must be a lowest and a highest label, got {list(label_range)}; "
            "for STSb write [0, 5]"
        )


def _read_all(
    paths: Sequence[str | PathLike[str]], columns: Mapping[str, str], label_range: Sequence[float]
) -> dict[str | PathLike[str], Pairs]:
    """Read every file, so that one message has the mistakes of all."""
    splits: dict[str | PathLike[str], Pairs] = {}
    problems: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            splits[path] = _read(path, columns, label_range)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return splits


def _read(
    path: str | PathLike[str], columns: Mapping[str, str], label_range: Sequence[float]
) -> Pairs:
    low, high = label_range
    parsers = {
        column: as_score(low, high) if part == "label" else as_text
        for part, column in columns.items()
    }
    table = read_table(path, parsers).columns
    scores = None
    if "label" in columns:
        scores = tuple((label - low) / (high - low) for label in table[columns["label"]])
    queries, targets = (tuple(table[columns[part]]) for part in REQUIRED)
    return Pairs(queries, targets, scores)


def _evaluation_set(path: str | PathLike[str], pairs: Pairs) -> EvaluationSet:
    if pairs.scores is None:
        return make_retrieval_set(pairs.queries, pairs.targets)
    if len(set(pairs.scores)) < 2:
        raise DataError(
            f"{path}: all labels are equal, so nothing can correlate with them; give pairs of "
            "different labels, or leave label out of columns to score retrieval"
        )
    return ScoredPairs(pairs.queries, pairs.targets, pairs.scores)
