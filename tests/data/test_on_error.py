"""Rows that cannot be used: an error, or passed over and counted."""

import gzip
import json
from pathlib import Path

import pytest

from bscl_jax.data import (
    DataError,
    as_score,
    as_text,
    load_task,
    read_table,
    write_quarantine,
)
from tests.data.formats import FORMATS, write_as

COLUMNS = {"query": as_text, "label": as_score(0, 1)}
POLICIES = ["skip", "quarantine"]

TSV = "query\tlabel\ngood\t1\nbad\tx\n\t7\nshort\nfine\t0\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("on_error", POLICIES)
def test_rows_that_cannot_be_used_are_passed_over_and_told(tmp_path, on_error):
    path = write(tmp_path / "a.tsv", TSV)
    table = read_table(path, COLUMNS, on_error=on_error)
    assert table.columns == {"query": ["good", "fine"], "label": [1.0, 0.0]}
    assert table.lines == [2, 6]
    assert [(row.source, row.place, row.row) for row in table.rejected] == [
        (str(path), "line 3", ("bad", "x")),
        (str(path), "line 4", ("", "7")),
        (str(path), "line 5", ("short",)),
    ]
    problems = [row.problem for row in table.rejected]
    assert problems[0].startswith("column 'label': 'x' is not a finite number")
    assert "column 'query': the text is empty" in problems[1]
    assert "column 'label': '7' is outside the scale 0 to 1" in problems[1]
    assert problems[2].startswith("the row has 1 cell, the header 2")


def test_by_default_nothing_is_read(tmp_path):
    with pytest.raises(DataError, match=r"4 errors in .*a\.tsv"):
        read_table(write(tmp_path / "a.tsv", TSV), COLUMNS)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_counts_and_keeps_the_same_rows(tmp_path, suffix):
    rows = {"query": ["a", " ", "c", "d", "e"], "label": [1, 0, 7, 0, -3]}
    path = write_as(suffix, tmp_path, "rows", rows)
    table = read_table(path, COLUMNS, on_error="quarantine")
    assert table.columns == {"query": ["a", "d"], "label": [1.0, 0.0]}
    shift = 2 if suffix[:3] in ("tsv", "csv") else 1
    assert table.lines == [shift, shift + 3]
    kept = tmp_path / "quarantine.jsonl"
    assert write_quarantine(kept, table.rejected) == 3
    rejected = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["place"] for row in rejected] == [f"{table.unit} {shift + i}" for i in (1, 2, 4)]
    assert {row["source"] for row in rejected} == {str(path)}
    assert "-3" in "".join(rejected[2]["row"])


def test_a_line_of_json_that_is_not_utf8_is_told_from_half_a_surrogate_pair(tmp_path):
    lines = [b'{"query": "a", "label": 1}', b'{"query": "\xe9", "label": 1}']
    lines.append(b'{"query": "\\ud800", "label": 1}')
    table = read_table(write(tmp_path / "a.jsonl", b"\n".join(lines)), COLUMNS, on_error="skip")
    assert [row.problem.split(";")[0] for row in table.rejected] == [
        "column 'query': the text is not UTF-8",
        "column 'query': half of a surrogate pair is no character",
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_bytes_that_are_not_utf8_spoil_their_own_row_alone(tmp_path, pack):
    name = "a.tsv" if pack is bytes else "a.tsv.gz"
    path = write(tmp_path / name, pack(b"query\tlabel\ncaf\xe9\t1\ncaf\xc3\xa9\t1\n"))
    table = read_table(path, COLUMNS, on_error="skip")
    assert table.columns["query"] == ["café"]
    assert "column 'query': the text is not UTF-8; save the file" in table.rejected[0].problem


def test_a_line_that_is_no_json_is_passed_over_whole(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"query": "q", "label": 1}\n{"query":\n{"query": "r"}\n')
    table = read_table(path, COLUMNS, on_error="skip")
    assert table.lines == [1]
    assert [row.row for row in table.rejected] == [('{"query":',), ('{"query": "r"}',)]


def test_an_unclosed_quote_is_an_error_always_for_it_hides_what_follows(tmp_path):
    path = write(tmp_path / "a.csv", 'query,label\nq,1\n"r,1\ns,1\n')
    with pytest.raises(DataError, match="line 3: the row that starts here is not CSV"):
        read_table(path, COLUMNS, on_error="skip")


def test_a_file_of_which_no_row_can_be_used_is_an_error_always(tmp_path):
    path = write(tmp_path / "a.tsv", "query\tlabel\nq\t2\nr\t3\n")
    with pytest.raises(DataError, match="2 errors in"):
        read_table(path, COLUMNS, on_error="skip")


def test_a_header_without_a_column_is_an_error_always(tmp_path):
    with pytest.raises(DataError, match="column 'label' is not in the header"):
        read_table(write(tmp_path / "a.tsv", "query\nq\n"), COLUMNS, on_error="quarantine")


def test_an_unknown_policy_lists_the_known_ones(tmp_path):
    path = write(tmp_path / "a.tsv", TSV)
    for load in (
        lambda: read_table(path, COLUMNS, on_error="ignore"),
        lambda: load_task("pairs", train=path, dev=path, on_error="ignore"),
    ):
        with pytest.raises(ValueError, match="one of error, skip, quarantine, got 'ignore'"):
            load()


def test_a_task_counts_rows_by_split_and_holds_those_passed_over(tmp_path):
    header = "query\ttarget\n"
    train = write(tmp_path / "train.tsv", header + "a\tb\nc\t\nd\te\n")
    dev = write(tmp_path / "dev.tsv", header + "f\tg\n")
    task = load_task("pairs", train=train, dev=dev, on_error="skip")
    assert task.train.queries == ("a", "d")
    assert [row.place for row in task.rejected] == ["line 3"]
    assert task.counts == {
        "train/rows": 2,
        "train/rows_rejected": 1,
        "dev/rows": 1,
        "dev/rows_rejected": 0,
    }
