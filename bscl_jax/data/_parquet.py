"""The rows of a Parquet file, numbered from 1: it has no lines."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from bscl_jax.data._errors import DataError
from bscl_jax.data._read_text import refusals
from bscl_jax.data._rows import Row, as_cell, find_column

BATCH = 256
"""Rows that are read at a time."""


def parquet_rows(path: str | PathLike[str], columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a Parquet file; ``Row.line`` counts rows. Null and NaN are empty cells.

    Args:
        path: the file.
        columns: the asked columns, of texts or numbers. A number has as many digits as tell it
            from others of its type.

    Raises:
        DataError: if the file cannot be read, or a column is missing or of another type: before
            the first row; where its data are damaged, at that place.
    """
    with refusals(Path(path)), Path(path).open("rb") as content:
        number = 0
        for batch in _batches(path, content, columns):
            for cells in zip(*(_cells(batch[name]) for name in columns), strict=True):
                number += 1
                yield Row(number, cells, whole=cells)


def _batches(path: str | PathLike[str], content: BinaryIO, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(content, page_checksum_verification=True)
        names = file.schema_arrow.names
        for column in columns:
            remedy = "name the column as the file does"
            find_column(str(path), names, column, holder="file", remedy=remedy)
            _check_type(path, column, file.schema_arrow.field(column).type)
        yield from file.iter_batches(batch_size=BATCH, columns=list(dict.fromkeys(columns)))
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        fault = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{path}: this is no Parquet file, or a damaged one ({fault}); write it again"
        ) from None


def _cells(column: Any) -> Iterator[str]:
    """Yield the cells of a column; what is not UTF-8 is kept, for ``is_unicode`` to tell."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not _is_text(column.type):
        narrow = types.is_floating(column.type)  # its own digits, not those of a double
        yield from map(
            as_cell, column.to_numpy(zero_copy_only=False) if narrow else column.to_pylist()
        )
        return
    for stored in column.cast(pyarrow.large_binary()).to_pylist():
        yield (stored or b"").decode("utf-8", "surrogateescape")


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _check_type(path: str | PathLike[str], column: str, kind: Any) -> None:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    if _is_text(inner) or types.is_null(inner) or types.is_boolean(inner):
        return
    if types.is_integer(inner) or types.is_floating(inner) or types.is_decimal(inner):
        return
    raise DataError(
        f"{path}, column {column!r}: must hold texts or numbers, holds {kind}; "
        "name a column of texts or numbers"
    )
