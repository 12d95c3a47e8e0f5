"""From rows to a task: what all tasks of rows share, wherever their rows come from."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

from bscl_jax.data._cells import as_score, as_text, as_text_or_none
from bscl_jax.data._errors import DataError
from bscl_jax.data._negatives import drop_false_negatives
from bscl_jax.data.tasks._columns import negative_columns
from bscl_jax.types import EvaluationSet, Pairs, RejectedRow, Task

Source = str | PathLike[str]
"""What a split is read from, as messages name it."""
Parsers = Mapping[str, Callable[[str], Any]]
"""By the column's name, from a cell to its value."""


class Found(NamedTuple):
    """What was read of a source; n rows could be used.

    Attributes:
        columns: by the column's name, the values of its n cells.
        places: where each row stands in the source, such as 7.
        unit: what ``places`` count, "line" or "row".
        rejected: the rows passed over.
    """

    columns: Mapping[str, Sequence[Any]]
    places: Sequence[int]
    unit: str
    rejected: Sequence[RejectedRow]


Read = Callable[[Source, Parsers], Found]
"""From a source to what it holds; raises DataError."""


class Split(NamedTuple):
    """A split of a task.

    Attributes:
        source: what it was read from.
        columns: the columns' names by part.
        found: its rows.
        pairs: the same as pairs.
        corpus: the texts that are searched, where the task has such.
    """

    source: Source
    columns: Mapping[str, str]
    found: Found
    pairs: Pairs
    corpus: Sequence[str]


def no_parsers(columns: Mapping[str, str], corpus: Sequence[str]) -> Parsers:
    """Read dev and test as the training split is read."""
    del columns, corpus
    return {}


class Form(NamedTuple):
    """What a kind of rows asks of its columns, and what dev and test become.

    Attributes:
        name: of the dev set and the test set.
        required: the parts that ``columns`` must name.
        optional: those that it may name.
        make_set: from a split to the set, and what is to be counted of it, by name.
        parsers: from the columns' names by part and the corpus (empty if it could not be read) to
            the parsers of what dev and test hold in another way than training, or alone.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    make_set: Callable[[Split], tuple[EvaluationSet, Mapping[str, int]]]
    parsers: Callable[[Mapping[str, str], Sequence[str]], Parsers] = no_parsers


def same_error(source: Source, kind: str) -> DataError:
    """Make the error of a test split that is the dev split; ``kind`` is "file" or "split"."""
    return DataError(
        f"{source}: dev and test are the same {kind}, so the test would judge what it chose; "
        f"give a test {kind} of its own or none"
    )


def make_task(
    form: Form,
    read: Read,
    sources: Mapping[str, Source],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> Task:
    """Read all splits and make a task of them.

    Texts are equal if ``normalize_text`` makes them so. Columns of hard negatives are read of the
    training split alone; a negative that is a known positive of its query is left out, and counted.

    Args:
        form: what dev and test become.
        read: reads one source.
        sources: those of ``train``, ``dev`` and, if there are such, ``test`` and ``corpus``.
        columns: as ``check_columns`` returned it.
        label_range: lowest and highest label, brought to 0 and 1.

    Raises:
        DataError: if a source cannot be used. The mistakes of all are in one message.
    """
    found, splits = _read_all(form, read, sources, columns, label_range)
    counts: dict[str, int] = {}
    for part, of_part in found.items():
        counts[f"{part}/rows"] = len(of_part.places)
        counts[f"{part}/rows_rejected"] = len(of_part.rejected)
    train, dropped = drop_false_negatives(splits["train"].pairs)
    if train.negatives is not None:
        counts["train/negatives"] = sum(map(len, train.negatives))
        counts["train/negatives_that_are_positives"] = dropped
    sets, more = _make_sets(form, splits)
    return Task(
        train=train,
        dev=sets["dev"],
        test=sets["test"],
        rejected=tuple(row for of_part in found.values() for row in of_part.rejected),
        counts=counts | more,
    )


def _read_all(
    form: Form,
    read: Read,
    sources: Mapping[str, Source],
    columns: Mapping[str, str],
    label_range: Sequence[float],
) -> tuple[dict[str, Found], dict[str, Split]]:
    """Read every source, so that one message has the mistakes of all; the corpus first."""
    found: dict[str, Found] = {}
    splits: dict[str, Split] = {}
    problems: dict[str, None] = {}
    corpus: Sequence[str] = ()
    for part in sorted(sources, key=lambda part: part != "corpus"):
        parsers = _parsers(form, part, columns, label_range, corpus)
        try:
            found[part] = read(sources[part], parsers)
        except DataError as error:
            problems[str(error)] = None
            continue
        if part == "corpus":
            (corpus,) = found[part].columns.values()
            continue
        pairs = _make_pairs(part, found[part].columns, columns, label_range)
        splits[part] = Split(sources[part], columns, found[part], pairs, corpus)
    if problems:
        raise DataError("\n".join(problems))
    return found, splits


def _make_sets(
    form: Form, splits: Mapping[str, Split]
) -> tuple[dict[str, dict[str, EvaluationSet]], dict[str, int]]:
    """Make the sets of dev and test, and count; one message has the mistakes of both."""
    sets: dict[str, dict[str, EvaluationSet]] = {"dev": {}, "test": {}}
    counts: dict[str, int] = {}
    problems: list[str] = []
    for part in [part for part in sets if part in splits]:
        try:
            sets[part][form.name], of_part = form.make_set(splits[part])
            counts |= {f"{part}/{name}": count for name, count in of_part.items()}
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return sets, counts


def _parsers(
    form: Form,
    part: str,
    columns: Mapping[str, str],
    label_range: Sequence[float],
    corpus: Sequence[str],
) -> Parsers:
    if part == "corpus":
        return {columns.get("corpus", columns["target"]): as_text}
    parsers: dict[str, Callable[[str], Any]] = {
        columns[name]: as_text for name in ("query", "target")
    }
    if "label" in columns:
        parsers[columns["label"]] = as_score(*label_range)
    if part == "train":
        return parsers | dict.fromkeys(negative_columns(columns), as_text_or_none)
    return {**parsers, **form.parsers(columns, corpus)}


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
    if part == "train" and (names := negative_columns(columns)):
        rows = zip(*(table[name] for name in names), strict=True)
        negatives = tuple(tuple(text for text in row if text is not None) for row in rows)
    queries, targets = (tuple(table[columns[name]]) for name in ("query", "target"))
    return Pairs(queries, targets, scores, negatives)
