"""The same rows as a file of each format that the readers take."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow
from pyarrow import parquet

FORMATS = ("tsv", "csv", "jsonl", "tsv.gz", "csv.gz", "jsonl.gz", "parquet", "gzip.parquet")
"""Suffixes; the last is a Parquet file whose columns are gzipped inside."""


def write_as(suffix: str, folder: Path, name: str, columns: Mapping[str, Sequence]) -> Path:
    """Write columns of texts and numbers; None is an empty cell, and in JSON a key left out."""
    path = folder / f"{name}.{suffix}"
    if suffix.endswith("parquet"):
        compression = "gzip" if suffix.startswith("gzip") else "none"
        parquet.write_table(pyarrow.table(dict(columns)), path, compression=compression)
        return path
    text = _text(suffix.removesuffix(".gz"), columns).encode()
    path.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    return path


def _text(suffix: str, columns: Mapping[str, Sequence]) -> str:
    rows = list(zip(*columns.values(), strict=True))
    if suffix == "jsonl":
        objects = [dict(zip(columns, row, strict=True)) for row in rows]
        kept = [{k: v for k, v in each.items() if v is not None} for each in objects]
        return "".join(json.dumps(each) + "\n" for each in kept)
    rows = [tuple(columns), *(["" if cell is None else cell for cell in row] for row in rows)]
    if suffix == "tsv":
        return "".join("\t".join(map(str, row)) + "\n" for row in rows)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
