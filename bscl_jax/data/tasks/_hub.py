"""Pairs from whatever ``datasets.load_dataset`` reads: the Hugging Face hub, folders of files."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from bscl_jax.data._errors import DataError
from bscl_jax.data._load_splits import load_splits
from bscl_jax.data._rows import Row, as_cell, find_column
from bscl_jax.data._table import parse_rows
from bscl_jax.data.tasks._columns import Parsers, Source, check_options, make_task, same_error
from bscl_jax.types import RejectedRow, Task

if TYPE_CHECKING:
    from datasets import Dataset

Found = tuple[dict[str, list[Any]], list[RejectedRow]]

REQUIRED = ("train", "dev")
KNOWN = (*REQUIRED, "test")
TEXT_TYPES = ("string", "large_string", "null")
"""A column that holds null only is a text column, every text of which is empty."""


def load(
    *,
    path: str | PathLike[str],
    splits: Mapping[str, str],
    name: str | None = None,
    revision: str | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    on_error: str = "error",
) -> Task:
    """Load pairs from a data set on the hub or a folder of Parquet, CSV or JSON lines files.

    What becomes of the rows is as for ``"pairs"``. Cells that are null count as empty. No code
    of the data set is run: it must consist of data files.

    Args:
        path: a folder; else a name on the hub, ``owner/name``.
        splits: split expressions, as ``datasets`` has them, for ``train``, ``dev`` and
            optionally ``test``: ``"validation"``, ``"train[:90%]"``.
        name: the configuration, where the data set has several.
        revision: commit, tag or branch on the hub; None takes the newest.
        columns: the names in the data set of ``query``, ``target`` and, if there are such,
            ``label`` and ``negative`` or ``negative_1``, ``negative_2``, …; None means ``query``
            and ``target``.
        label_range: lowest and highest label, brought to 0 and 1.
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
    columns = check_options(columns, label_range, on_error)
    _check_splits(path, splits)
    sources: dict[str, Source] = {part: _source(path, splits[part]) for part in splits}
    loaded = dict(
        zip(
            sources.values(),
            load_splits(path, list(splits.values()), name=name, revision=revision),
            strict=True,
        )
    )

    def read(source: Source, parsers: Parsers) -> Found:
        return _read(str(source), loaded[source], columns.get("label"), parsers, on_error)

    return make_task(read, sources, columns, label_range)


def _source(path: str | PathLike[str], split: str) -> str:
    return f"{path}, split {split!r}"


def _check_splits(path: str | PathLike[str], splits: Mapping[str, str]) -> None:
    from datasets import ReadInstruction

    if not set(REQUIRED) <= set(splits) <= set(KNOWN):
        raise ValueError(
            f"splits must name train, dev and, if there is one, test; got {dict(splits)}"
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
    source: str, dataset: "Dataset", label: str | None, parsers: Parsers, on_error: str
) -> Found:
    for column in parsers:
        _check_column(source, dataset, column, is_text=column != label)
    cells = dataset.select_columns(list(parsers))[:]
    rows = zip(*(map(as_cell, cells[column]) for column in parsers), strict=True)
    numbered = (Row(number, row, whole=row) for number, row in enumerate(rows, start=1))
    columns, _, rejected = parse_rows(source, numbered, parsers, unit="row", on_error=on_error)
    return columns, rejected


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
