"""Rows from whatever ``datasets.load_dataset`` reads: the Hugging Face hub, folders of files."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from bscl_jax.data._errors import DataError
from bscl_jax.data._load_splits import load_splits
from bscl_jax.data._rows import Row, as_cell, find_column
from bscl_jax.data._table import parse_rows
from bscl_jax.data.tasks._columns import check_columns, check_options
from bscl_jax.data.tasks._lists import lists_form
from bscl_jax.data.tasks._pairs import PAIRS
from bscl_jax.data.tasks._retrieval import retrieval_form
from bscl_jax.data.tasks._splits import Form, Found, Parsers, Source, make_task, same_error
from bscl_jax.types import Task

if TYPE_CHECKING:
    from datasets import Dataset

FORMS = ("pairs", "lists", "retrieval")
TEXT_TYPES = ("string", "large_string", "string_view", "null")
"""A column that holds null only is a text column, every text of which is empty."""


def load(
    *,
    path: str | PathLike[str],
    splits: Mapping[str, str],
    name: str | None = None,
    revision: str | None = None,
    form: str = "pairs",
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    threshold: float = 0.5,
    depths: Sequence[int] = (1, 5),
    on_error: str = "error",
) -> Task:
    """Load rows from a data set on the hub or a folder of Parquet, CSV or JSON lines files.

    What becomes of the rows is as for the task of the form's name. Cells that are null or NaN
    count as empty. No code of the data set is run: it must consist of data files.

    Args:
        path: a folder; else a name on the hub, ``owner/name``.
        splits: split expressions, as ``datasets`` has them, for ``train``, ``dev`` and
            optionally ``test``, with ``"retrieval"`` also ``corpus``: ``"validation"``,
            ``"train[:90%]"``.
        name: the configuration, where the data set has several.
        revision: commit, tag or branch on the hub; None takes the newest.
        form: ``"pairs"``, ``"lists"`` or ``"retrieval"``.
        columns: the names in the data set of the columns that the task of the form's name has.
        label_range: lowest and highest label, brought to 0 and 1.
        threshold: as for ``"lists"`` and ``"retrieval"``; ``"pairs"`` has no use for it.
        depths: as for ``"retrieval"``; the others have no use for them.
        on_error: as for ``"pairs"``.

    Returns:
        The task; labels in [0, 1].

    Raises:
        FileNotFoundError: if there is no such folder and no such name, or the hub cannot be
            reached and its cache has not got it.
        ValueError: if an option cannot be.
        DataError: if the data cannot be used. The message names data set, split, row (the first
            of the split expression is 1) and column, for the mistakes of all splits.
    """
    of_rows = _form(form, threshold, depths)
    columns = check_columns(columns, required=of_rows.required, optional=of_rows.optional)
    check_options(label_range, on_error)
    _check_splits(path, splits, of_rows)
    sources: dict[str, Source] = {part: _source(path, splits[part]) for part in splits}
    loaded = dict(
        zip(
            sources.values(),
            load_splits(path, list(splits.values()), name=name, revision=revision),
            strict=True,
        )
    )
    no_texts = {columns[part] for part in ("label", "query_id") if part in columns}

    def read(source: Source, parsers: Parsers) -> Found:
        return _read(str(source), loaded[source], no_texts, parsers, on_error)

    return make_task(of_rows, read, sources, columns, label_range)


def _form(form: str, threshold: float, depths: Sequence[int]) -> Form:
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if form == "lists":
        return lists_form(threshold)
    return PAIRS if form == "pairs" else retrieval_form(threshold, depths)


def _source(path: str | PathLike[str], split: str) -> str:
    return f"{path}, split {split!r}"


def _check_splits(path: str | PathLike[str], splits: Mapping[str, str], form: Form) -> None:
    from datasets import ReadInstruction

    required = ("train", "dev", "corpus") if form.name == "retrieval" else ("train", "dev")
    if not set(required) <= set(splits) <= {*required, "test"}:
        raise ValueError(
            f"splits must name {', '.join(required)} and, if there is one, test; got {dict(splits)}"
        )
    for part, split in splits.items():
        try:
            ReadInstruction.from_spec(split)
        except ValueError as error:
            raise ValueError(
                f"splits.{part} must be a split expression such as validation or train[:90%], "
                f"got {split!r} ({error})"
            ) from None
    if splits["dev"] == splits.get("test"):
        raise same_error(_source(path, splits["dev"]), "split")


def _read(
    source: str, dataset: "Dataset", no_texts: Collection[str], parsers: Parsers, on_error: str
) -> Found:
    for column in parsers:
        _check_column(source, dataset, column, is_text=column not in no_texts)
    cells = dataset.select_columns(list(parsers))[:]
    found = {column: _own_digits(dataset, column, cells[column]) for column in parsers}
    rows = zip(*(map(as_cell, found[column]) for column in parsers), strict=True)
    numbered = (Row(number, row, whole=row) for number, row in enumerate(rows, start=1))
    unit = "row"
    columns, rows_used, rejected = parse_rows(
        source, numbered, parsers, unit=unit, on_error=on_error
    )
    return Found(columns, rows_used, unit, rejected)


def _own_digits(dataset: "Dataset", column: str, values: Sequence[object]) -> Iterable[object]:
    """Return the values of a column; ``datasets`` has made doubles of floats of any type."""
    kind = getattr(dataset.features[column], "dtype", "")
    return np.asarray(values, kind) if kind in ("float16", "float32") else values


def _check_column(source: str, dataset: "Dataset", column: str, *, is_text: bool) -> None:
    from datasets import ClassLabel, Value

    remedy = "name the column as the data set does"
    find_column(source, dataset.column_names, column, holder="data set", remedy=remedy)
    feature = dataset.features[column]
    if isinstance(feature, Value) and (not is_text or feature.dtype in TEXT_TYPES):
        return
    if isinstance(feature, ClassLabel) and not is_text:
        return
    wanted = "texts" if is_text else "numbers"
    raise DataError(
        f"{source}, column {column!r}: must hold {wanted}, holds {feature}; "
        f"name a column of {wanted}"
    )
