import gzip
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from bscl_jax.data import DataError, read_texts
from tests.data.formats import FORMATS, write_as

TEXTS = ["renew?", "", "opening hours, today", "ä"]
MEGABYTE = 1 << 20


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def message_of(path: Path, column: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        list(read_texts(path, column))
    return str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_texts_of_a_column_in_order(tmp_path, suffix):
    path = write_as(suffix, tmp_path, "a", {"id": [1, 2, 3, 4], "question": TEXTS})
    assert list(read_texts(path, "question")) == TEXTS


def test_without_a_name_the_column_is_text(tmp_path):
    path = write_as("csv", tmp_path, "a", {"text": TEXTS, "id": [1, 2, 3, 4]})
    assert list(read_texts(path)) == TEXTS


@pytest.mark.parametrize("suffix", [".txt", ".TXT", ".txt.gz"])
def test_each_line_of_a_text_file_is_a_text_blank_ones_too(tmp_path, suffix):
    content = b"\xef\xbb\xbfrenew?\r\n\n  a\tb \nx\xe2\x80\xa8y\n\n"
    packed = gzip.compress(content) if suffix.endswith("gz") else content
    path = write(tmp_path / f"a{suffix}", packed)
    assert list(read_texts(path)) == ["renew?", "", "  a\tb ", "x\u2028y", ""]


def test_an_empty_text_file_has_no_texts(tmp_path):
    assert list(read_texts(write(tmp_path / "a.txt", b""))) == []


@pytest.mark.parametrize(
    ("column", "texts"), [(["a", None], ["a", ""]), ([1.5, np.nan], ["1.5", ""])]
)
def test_null_and_nan_are_empty_texts_in_parquet(tmp_path, column, texts):
    parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
    assert list(read_texts(tmp_path / "a.parquet")) == texts


@pytest.mark.parametrize("suffix", ["txt", "tsv.gz", "csv", "jsonl", "parquet"])
def test_the_file_is_never_in_memory_as_a_whole(tmp_path, suffix):
    texts = [f"{i} " * 500 for i in range(5000)]
    if suffix == "txt":
        path = write(tmp_path / "a.txt", "\n".join(texts).encode())
    elif suffix == "parquet":
        path = tmp_path / "a.parquet"
        parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=100)
    else:
        path = write_as(suffix, tmp_path, "a", {"text": texts})
    del texts
    tracemalloc.start()
    count = sum(1 for _ in read_texts(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 5000
    assert peak < 2 * MEGABYTE


def test_texts_come_before_the_file_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "a"}\n' * 5000 + b"no JSON\n")
    assert list(islice(read_texts(path), 2)) == ["a", "a"]


def test_mistakes_are_named_five_at_most_after_the_good_rows(tmp_path):
    lines = [b'{"text": "a"}', *[b'{"other": "a"}'] * 7]
    path = write(tmp_path / "a.jsonl", b"\n".join(lines))
    texts = read_texts(path)
    assert next(texts) == "a"
    with pytest.raises(DataError) as caught:
        next(texts)
    *named, total = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in named] == [
        f"{path}, line {number}, column 'text'" for number in range(2, 7)
    ]
    assert total == f"5 errors in {path}"


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_table_without_a_header_is_empty(tmp_path, suffix, content):
    path = write(tmp_path / f"a.{suffix}", content)
    assert message_of(path) == f"{path}: the file is empty; give one with a row for each pair"


def test_what_is_not_utf8_is_placed(tmp_path):
    path = write(tmp_path / "a.txt", b"renew?\ncaf\xe9\n")
    assert f"{path}, line 2, column 'text': the text is not UTF-8" in message_of(path)


def test_an_unclosed_quote_ends_the_reading(tmp_path):
    path = write(tmp_path / "a.csv", b'text\na\n"b\nc\n')
    assert message_of(path).startswith(f"{path}, line 3: the row that starts here is not CSV")


def test_a_column_that_is_not_there_is_refused_with_those_present(tmp_path):
    path = write(tmp_path / "a.tsv", b"id\tquestion\n1\ta\n")
    assert "column 'text' is not in the header; columns present: 'id', 'question'" in message_of(
        path
    )


def test_a_text_file_has_no_column_to_name(tmp_path):
    path = write(tmp_path / "a.txt", b"a\n")
    assert message_of(path, "text") == f"{path}: a .txt file has no columns; leave 'text' out"


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    message = message_of(write(tmp_path / "a.md", b"a"))
    assert "known are .txt, .tsv, .csv, .jsonl, each also with .gz, and .parquet" in message


@pytest.mark.parametrize("suffix", ["txt", "tsv.gz", "parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path, suffix):
    assert f"a.{suffix}: no such file" in message_of(tmp_path / f"a.{suffix}")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.txt").mkdir()
    assert "this is a folder; name a file in it" in message_of(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"renew? " * 99)[:-9]],
    ids=["no gzip", "half of one"],
)
def test_a_damaged_gzip_file_is_refused(tmp_path, content):
    path = write(tmp_path / "a.txt.gz", content)
    assert "the gzip file is damaged or no gzip file" in message_of(path)
