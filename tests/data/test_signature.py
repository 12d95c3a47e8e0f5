"""Files whose name says that they are text."""

import gzip
import io
import zipfile

import pyarrow
import pytest
from pyarrow import parquet

from bscl_jax.data import DataError, as_text, read_table, read_texts

TEXT = "text\nrenew?\n"


def pack(rows: pyarrow.Table) -> bytes:
    out = io.BytesIO()
    parquet.write_table(rows, out)
    return out.getvalue()


def pack_zip(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.tsv", text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(TEXT.encode()), "is gzipped, its name says text in UTF-8; end its name in"),
        (pack(pyarrow.table({"text": ["a"]})), "is Parquet, its name says text in UTF-8; end its"),
        (pack_zip(TEXT), "is a zip archive or a spreadsheet, its name says text in UTF-8; unpack"),
        (TEXT.encode("utf-16"), "is UTF-16, its name says text in UTF-8; save it as UTF-8 (iconv"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "is UTF-16, its name says text in UTF-8; save it"),
        (TEXT.encode("utf-16-le"), "is UTF-16 or not text, for it has NUL bytes; save it as UTF-8"),
        (TEXT.encode("utf-32"), "is UTF-16, its name says text in UTF-8; save it as UTF-8"),
    ],
    ids=["gzip", "parquet", "zip", "utf-16", "utf-16-be", "utf-16 without a mark", "utf-32"],
)
@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl", "tsv.gz"])
def test_a_file_of_another_kind_is_named_as_what_it_is(tmp_path, suffix, content, message):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    for read in (
        lambda: read_table(path, {"text": as_text}),
        lambda: read_table(path, {"text": as_text}, on_error="skip"),
        lambda: list(read_texts(path)),
    ):
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value).startswith(f"{path}: the file {message}")


@pytest.mark.parametrize("content", ["text\na\0b\n", "text\nPAR1\n", "text\na\x1f\n"])
def test_what_a_text_holds_is_its_own_affair(tmp_path, content):
    path = tmp_path / "a.tsv"
    path.write_text(content)
    assert read_table(path, {"text": as_text}).lines == [2]
