import numpy as np
import pytest

from bscl_jax import shuffling


@pytest.fixture
def path(tmp_path):
    return tmp_path / "order.txt"


def test_what_was_written_is_read_and_nothing_else_lies_beside_it(tmp_path):
    path = shuffling.epoch_path(tmp_path / "run" / "orders", 12)
    order = shuffling.random(30, seed=0)
    shuffling.write_order(path, order[::-1])
    shuffling.write_order(path, order)
    found = shuffling.read_order(path, n=30)
    assert found.dtype == np.int64
    assert found.tolist() == order.tolist()
    assert [each.name for each in path.parent.iterdir()] == ["epoch-012.txt"]


def test_a_file_is_a_note_and_then_one_row_a_line(path):
    shuffling.write_order(path, np.array([1, 0]))
    assert path.read_text().splitlines() == [
        "# one row of the training data a line, 0 is the first; lines with # are notes",
        "1",
        "0",
    ]
    assert path.read_text().endswith("0\n")


def test_a_write_that_fails_leaves_the_former_order(path, monkeypatch):
    shuffling.write_order(path, np.array([1, 0]))
    monkeypatch.setattr(type(path), "replace", lambda *_: pytest.fail("killed before the renaming"))
    with pytest.raises(pytest.fail.Exception):
        shuffling.write_order(path, np.array([0, 1]))
    assert shuffling.read_order(path, n=2).tolist() == [1, 0]


def test_notes_empty_lines_and_blanks_around_a_number_say_nothing(path):
    path.write_text("# easy ones first\n\n 2 \n  # then the others\n0\n\n1")
    assert shuffling.read_order(path, n=3).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    "written", ["\ufeff2\n0\n1\n", "2\r\n0\r\n1\r\n", "\ufeff# mine\r\n2\r\n0\r\n1"]
)
def test_a_byte_order_mark_and_the_line_ends_of_other_systems_say_nothing(written, path):
    path.write_bytes(written.encode())
    assert shuffling.read_order(path, n=3).tolist() == [2, 0, 1]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85"])
def test_only_a_line_feed_ends_a_note(separator, path):
    path.write_text(f"# easy{separator}then hard\n2\n0\n7\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"order.txt:4: must be a row from 0 to 2, was 7"):
        shuffling.read_order(path, n=3)


def test_no_rows_at_all_are_an_order_of_none(path):
    shuffling.write_order(path, np.empty(0, np.int64))
    assert shuffling.read_order(path, n=0).tolist() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\n1\n3\n2", r":3: must be a row from 0 to 2, was 3; an order fits the data"),
        ("0\n1\n2\n1", r":4: row 1 stands in line 2 too"),
        ("0\n\n0\n1", r":3: row 0 stands in line 1 too"),
        ("2", r": 2 of 3 rows are missing, the first is 0; an order holds every row once"),
        ("# a note\nfirst", r":2: must be one row number, was 'first'"),
        ("-1", r":1: must be one row number, was '-1'"),
        ("1 2", r":1: must be one row number, was '1 2'"),
        ("²", r":1: must be one row number, was '²'"),
        ("0\n" + "9" * 5000, rf":2: must be one row number, was '{'9' * 40}'$"),
        ("9" * 50 + "x", rf":1: must be one row number, was '{'9' * 40}'$"),
    ],
)
def test_what_is_no_order_is_refused_with_file_and_line(text, message, path):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"order.txt{message}"):
        shuffling.read_order(path, n=3)


def test_a_file_that_is_no_text_is_refused_with_the_byte(path):
    path.write_bytes(b"0\n\xff")
    with pytest.raises(ValueError, match=r"order.txt: not UTF-8 \(byte 2\)"):
        shuffling.read_order(path, n=1)


def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"order.txt: no such order"):
        shuffling.read_order(path, n=1)
