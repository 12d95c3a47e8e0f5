"""What must come of a file with defects: a message, or counts and a quarantine."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bscl_jax.data import (
    DataError,
    Table,
    as_score,
    as_text,
    as_text_or_none,
    read_table,
    write_quarantine,
)
from tests.data.defects import NOT_UTF8, Defect
from tests.data.tables import HIGHEST, LOWEST, Draft, expected

PARSERS = {
    "query": as_text,
    "target": as_text,
    "negative": as_text_or_none,
    "label": as_score(LOWEST, HIGHEST),
}
PASSING = ("skip", "quarantine")
ON_ERROR = ("error", *PASSING)
SHOWN = 5
"""Mistakes that a message spells out."""


def refusal(path: Path, on_error: str = "error") -> str:
    """Return the message of the one error."""
    with pytest.raises(DataError) as caught:
        read_table(path, PARSERS, on_error=on_error)
    return str(caught.value)


def unit_of(draft: Draft) -> str:
    return "row" if draft.suffix == "parquet" else "line"


def check_message(message: str, path: Path, draft: Draft, row: int, defect: Defect) -> None:
    """Hold a line of a message to file, line, column and remedy."""
    assert message.startswith(f"{path}, {unit_of(draft)} {draft.line(row)}")
    assert message[len(f"{path}, {unit_of(draft)} {draft.line(row)}")] in ",:"
    assert defect.words[draft.suffix] in message
    if defect.column:
        assert f", column {defect.column!r}: " in message


def check_refusal(message: str, path: Path, draft: Draft, spoiled: dict[int, Defect]) -> None:
    """Hold a message to the first of the spoiled rows and to their number.

    Of a text file that is not UTF-8, no cell is looked at.
    """
    if draft.suffix != "parquet":
        of_bytes = {row: each for row, each in spoiled.items() if each.words["tsv"] == NOT_UTF8}
        spoiled = of_bytes or spoiled
    lines = message.splitlines()
    rows = list(spoiled)[:SHOWN]
    for line, row in zip(lines, rows, strict=False):
        check_message(line, path, draft, row, spoiled[row])
    total = f"{len(spoiled)} errors in {path}"
    shown = f"; the first {SHOWN} are shown" if len(spoiled) > SHOWN else ""
    assert lines[len(rows) :] == ([f"{total}{shown}"] if len(spoiled) > 1 else [])


def check_passed_over(
    table: Table, path: Path, draft: Draft, spoiled: Mapping[int, Defect], folder: Path
) -> None:
    """Hold what was kept to the rows without the spoiled ones, and the quarantine to those."""
    kept = [row for row in range(len(draft.rows)) if row not in spoiled]
    assert table.columns == expected(draft, kept)
    assert table.lines == [draft.line(row) for row in kept]
    quarantine = folder / "quarantine.jsonl"
    assert write_quarantine(quarantine, table.rejected) == len(spoiled)
    rejected = [json.loads(line) for line in quarantine.read_text().splitlines()]
    for found, row in zip(rejected, sorted(spoiled), strict=True):
        assert found["source"] == str(path)
        assert found["place"] == f"{unit_of(draft)} {draft.line(row)}"
        assert spoiled[row].words[draft.suffix] in found["problem"]
