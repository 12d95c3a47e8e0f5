from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from bscl_jax.data import DataError, as_score, as_text, as_text_or_none, load_task, read_table

TEXTS = {"query": as_text, "target": as_text}


def write(path: Path, **columns) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


def message_of(path: Path, columns=TEXTS) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, columns)
    return str(caught.value)


def test_a_parquet_file_gives_the_asked_columns_and_the_numbers_of_its_rows(tmp_path):
    path = write(tmp_path / "a.parquet", id=[1, 2], target=["t1", "t2"], query=["q1", "ä"])
    table = read_table(path, TEXTS)
    assert table.columns == {"query": ["q1", "ä"], "target": ["t1", "t2"]}
    assert table.lines == [1, 2]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([0, 1], pyarrow.int8()),
        ([0.0, 1.0], pyarrow.float32()),
        ([False, True], pyarrow.bool_()),
        ([Decimal("0.00"), Decimal("1.00")], pyarrow.decimal128(3, 2)),
        (["0", "1"], pyarrow.large_string()),
        (["0", "1"], pyarrow.string_view()),
        (["0", "1"], pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
    ],
)
def test_numbers_of_every_type_are_scores(tmp_path, labels, kind):
    path = write(tmp_path / "a.parquet", query=["q", "r"], label=pyarrow.array(labels, kind))
    table = read_table(path, {"query": as_text, "label": as_score(0, 1)})
    assert table.columns["label"] == [0.0, 1.0]


@pytest.mark.parametrize("kind", [pyarrow.float16(), pyarrow.float32(), pyarrow.float64()])
def test_a_number_has_the_digits_of_its_own_type(tmp_path, kind):
    numbers = pyarrow.array([0.1, 0.8, None, float("nan")], kind)
    path = write(tmp_path / "a.parquet", query=["q"] * 4, negative=numbers)
    columns = {"query": as_text, "negative": as_text_or_none}
    assert read_table(path, columns).columns["negative"] == ["0.1", "0.8", None, None]


def test_a_mistake_is_placed_by_row_and_column_across_row_groups(tmp_path):
    path = tmp_path / "a.parquet"
    rows = pyarrow.table({"query": ["q", "q", " ", "q"], "target": ["t", "t", "t", None]})
    parquet.write_table(rows, path, row_group_size=2)
    assert message_of(path).splitlines() == [
        f"{path}, row 3, column 'query': the text is empty; fill the cell or delete the row",
        f"{path}, row 4, column 'target': the text is empty; fill the cell or delete the row",
        f"2 errors in {path}",
    ]


def test_a_null_may_stand_where_a_text_may_be_missing(tmp_path):
    path = write(tmp_path / "a.parquet", query=["q"] * 3, negative=["n", None, "\u200b"])
    columns = {"query": as_text, "negative": as_text_or_none}
    assert read_table(path, columns).columns["negative"] == ["n", None, None]


def test_a_missing_column_is_named_with_those_present(tmp_path):
    message = message_of(write(tmp_path / "a.parquet", query=["q"], answer=["t"]))
    assert "column 'target' is not in the file; columns present: 'query', 'answer'" in message


def test_a_column_of_lists_is_refused(tmp_path):
    message = message_of(write(tmp_path / "a.parquet", query=["q"], target=[["t"]]))
    assert "column 'target': must hold texts or numbers, holds list<" in message


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), "dictionary"])
def test_a_text_that_is_not_utf8_spoils_its_own_row_alone(tmp_path, kind):
    texts = pyarrow.array([b"ok", b"caf\xe9", "café".encode()])
    if kind == "dictionary":
        column = texts.view(pyarrow.string()).dictionary_encode()
    else:
        column = texts.cast(pyarrow.large_binary()).view(pyarrow.large_string())
        column = column if kind == pyarrow.large_string() else texts.view(kind)
    path = write(tmp_path / "a.parquet", query=column, target=["t"] * 3)
    assert message_of(path) == (
        f"{path}, row 2, column 'query': the text is not UTF-8; save the file as UTF-8 "
        "(iconv -f ENCODING -t UTF-8)"
    )
    assert read_table(path, TEXTS, on_error="skip").columns["query"] == ["ok", "café"]


def test_a_page_that_does_not_match_its_checksum_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    rows = pyarrow.table({"query": ["renew"], "target": ["extend"]})
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    parquet.write_table(rows, path, **options)
    assert read_table(path, TEXTS).lines == [1]
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x06\0\0\0extend", b"\x06\0\0\0extent"))  # of the page
    assert "this is no Parquet file, or a damaged one (" in message_of(path)


def test_a_column_whose_name_is_not_utf8_is_damage(tmp_path):
    path = write(tmp_path / "a.parquet", query=["renew"], target=["extend"])
    path.write_bytes(path.read_bytes().replace(b"target", b"targe\xf4"))
    assert "this is no Parquet file, or a damaged one ('utf-8' codec" in message_of(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert "a.parquet: this is no Parquet file, or a damaged one (" in message_of(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "a.parquet: no such file" in message_of(tmp_path / "a.parquet")


def test_a_file_without_rows_is_refused(tmp_path):
    empty = pyarrow.array([], pyarrow.string())
    message = message_of(write(tmp_path / "a.parquet", query=empty, target=empty))
    assert message.endswith("the file has no rows; give a row for each pair")


def test_a_packed_parquet_file_is_unknown(tmp_path):
    assert "unknown suffix '.parquet'" in message_of(tmp_path / "a.parquet.gz")


def test_pairs_are_loaded_from_parquet(tmp_path):
    train = write(tmp_path / "train.parquet", query=["a", "b"], target=["c", "d"])
    dev = write(tmp_path / "dev.parquet", query=["e"], target=["f"])
    assert load_task("pairs", train=train, dev=dev).train.targets == ("c", "d")
