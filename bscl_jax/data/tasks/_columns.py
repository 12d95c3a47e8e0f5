"""From columns to a task: what all tasks of pairs share, wherever their rows come from."""

import re
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from bscl_jax.data._cells import as_score, as_text, as_text_or_none
from bscl_jax.data._errors import DataError
from bscl_jax.data._negatives import drop_false_negatives
from bscl_jax.data._overlap import check_apart
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data._table import check_on_error
from bscl_jax.types import EvaluationSet, Pairs, RejectedRow, ScoredPairs, Task

REQUIRED = ("query", "target")
KNOWN = re.compile(r"query|target|label|negative(_[1-9][0-9]*)?")

Source = str | PathLike[str]
"""What a split is read from, as messages name it."""
Parsers = Mapping[str, Callable[[str], Any]]
"""By the column's name, from a cell to its value."""
Read = Callable[[Source, Parsers], tuple[Mapping[str, Sequence[Any]], Sequence[RejectedRow]]]
"""From a source to its parsed columns by name, and the rows passed over; raises DataError."""


def check_options(
    columns: Mapping[str, str] | None, label_range: Sequence[float], on_error: str
) -> dict[str, str]:
    """Check the options that all tasks of pairs have, before anything is read.

    Args:
        columns: the names of the columns of ``query``, ``target`` and, if there are such,
            ``label`` and ``negative`` or ``negative_1``, ``negative_2``, …; None means ``query``
            and ``target``.
        label_range: lowest and highest label.
        on_error: what becomes of rows that cannot be used.

    Returns:
        The names of the columns.

    Raises:
        ValueError: if one of them cannot be.
    """
    columns = dict(columns) if columns is not None else {name: name for name in REQUIRED}
    if not (set(REQUIRED) <= set(columns) and all(map(KNOWN.fullmatch, columns))):
        raise ValueError(
            "columns must name query, target and, if there is one, label, and of hard negatives "
            f"negative, negative_1, negative_2, …; got {columns}"
        )
    if len(set(columns.values())) < len(columns):
        raise ValueError(f"columns must name a column of its own for each part; got {columns}")
    if len(label_range) != 2 or not label_range[0] < label_range[1]:
        raise ValueError(
            f"label_range must be a lowest and a highest label, got {list(label_range)}; "
            "for STSb write [0, 5]"
        )
    check_on_error(on_error)
    return columns


def negative_columns(columns: Mapping[str, str]) -> list[str]:
    """Return the names of the columns of hard negatives, by rising number."""
    parts = [part for part in columns if part.startswith("negative")]
    return [columns[part] for part in sorted(parts, key=lambda part: (len(part), part))]


def same_error(source: Source, kind: str) -> DataError:
    """Make the error of a test split that is the dev split; ``kind`` is "file" or "split"."""
    return DataError(
        f"{source}: dev and test are the same {kind}, so the test would judge what it chose; "
        f"give a test {kind} of its own or none"
    )


def make_task(
    read: Read,
    sources: Mapping[str, Source],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> Task:
    """Read all splits and make a task of them.

    Without a label column every pair is positive, and dev and test are retrieval sets: the
    distinct queries of the split against its distinct targets. With one they are scored pairs.
    Either is named ``"pairs"``. Texts are equal if ``normalize_text`` makes them so. Columns of
    hard negatives are read of the training split alone; a negative that is a known positive of its
    query is left out, and counted.

    Args:
        read: reads one source.
        sources: those of ``train``, ``dev`` and, if there is one, ``test``.
        columns: as ``check_options`` returned it.
        label_range: lowest and highest label, brought to 0 and 1.

    Raises:
        DataError: if a source cannot be used, or dev and test hold the same pairs. The mistakes of
            all are in one message.
    """
    splits, rejected = _read_all(read, sources, columns, label_range)
    counts: dict[str, int] = {}
    for part, pairs in splits.items():
        counts[f"{part}/rows"] = len(pairs.queries)
        counts[f"{part}/rows_rejected"] = len(rejected[part])
    train, dropped = drop_false_negatives(splits["train"])
    if train.negatives is not None:
        counts["train/negatives"] = sum(map(len, train.negatives))
        counts["train/negatives_that_are_positives"] = dropped

    def evaluation_sets(part: str) -> dict[str, EvaluationSet]:
        return {"pairs": _evaluation_set(sources[part], splits[part])}

    task = Task(
        train=train,
        dev=evaluation_sets("dev"),
        test=evaluation_sets("test") if "test" in sources else {},
        rejected=tuple(row for rows in rejected.values() for row in rows),
        counts=counts,
    )
    check_apart(task)
    return task


def _read_all(
    read: Read,
    sources: Mapping[str, Source],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> tuple[dict[str, Pairs], dict[str, Sequence[RejectedRow]]]:
    """Read every split, so that one message has the mistakes of all."""
    splits: dict[str, Pairs] = {}
    rejected: dict[str, Sequence[RejectedRow]] = {}
    problems: dict[str, None] = {}
    for part, source in sources.items():
        try:
            table, rejected[part] = read(source, _parsers(part, columns, label_range))
            splits[part] = _make_pairs(part, table, columns, label_range)
        except DataError as error:
            problems[str(error)] = None
    if problems:
        raise DataError("\n".join(problems))
    return splits, rejected


def _parsers(part: str, columns: Mapping[str, str], label_range: Sequence[float]) -> Parsers:
    low, high = label_range
    parsers: dict[str, Callable[[str], Any]] = {columns[name]: as_text for name in REQUIRED}
    if "label" in columns:
        parsers[columns["label"]] = as_score(low, high)
    if part == "train":
        parsers |= dict.fromkeys(negative_columns(columns), as_text_or_none)
    return parsers


def _make_pairs(
    part: str,
    table: Mapping[str, Sequence[Any]],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> Pairs:
    low, high = label_range
    scores = negatives = None
    if "label" in columns:
        scores = tuple((label - low) / (high - low) for label in table[columns["label"]])
    queries, targets = (tuple(table[columns[name]]) for name in REQUIRED)
    if part == "train" and (names := negative_columns(columns)):
        rows = zip(*(table[name] for name in names), strict=True)
        negatives = tuple(tuple(text for text in row if text is not None) for row in rows)
    return Pairs(queries, targets, scores, negatives)


def _evaluation_set(source: Source, pairs: Pairs) -> EvaluationSet:
    if pairs.scores is None:
        return make_retrieval_set(pairs.queries, pairs.targets)
    if len(set(pairs.scores)) < 2:
        raise DataError(
            f"{source}: all labels are equal, so nothing can correlate with them; give pairs of "
            "different labels, or leave label out of columns to score retrieval"
        )
    return ScoredPairs(pairs.queries, pairs.targets, pairs.scores)
