"""Folders of data files that ``datasets`` reads, and what it takes to read them."""

import json
from pathlib import Path

import datasets
import pytest

from bscl_jax.data import DataError, load_task

SPLITS = {"train": "train", "dev": "validation"}
LABELLED = {"query": "sentence1", "target": "sentence2", "label": "grade"}


def write_parquet(path: Path, **columns) -> None:
    path.parent.mkdir(exist_ok=True)
    datasets.Dataset.from_dict(columns).to_parquet(path)


def write_text(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_plain(folder: Path, suffix: str) -> Path:
    for split, rows in {
        "train": [("q1", "t1"), ("q2", "t2"), ("q3", "t3"), ("q4", "t4")],
        "validation": [("q5", "t5"), ("q6", "t6"), ("q5", "t6 "), ("q7", "t5")],
    }.items():
        path = folder / f"{split}.{suffix}"
        queries, targets = zip(*rows, strict=True)
        if suffix == "parquet":
            write_parquet(path, query=queries, target=targets)
        elif suffix == "csv":
            write_text(path, "query,target", *(",".join(row) for row in rows))
        else:
            write_text(path, *(json.dumps({"query": q, "target": t}) for q, t in rows))
    return folder


def message_of(error=DataError, **options) -> str:
    with pytest.raises(error) as caught:
        load_task("hub", **({"splits": SPLITS} | options))
    return str(caught.value)
