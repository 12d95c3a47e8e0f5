"""Files that cannot be used: each mistake with file, line, column and remedy."""

import re
from random import Random

import pytest

from tests.data.damaged_files import DAMAGES
from tests.data.defects import CANNOT
from tests.data.expectations import check_refusal
from tests.data.tables import FORMATS, draw
from tests.data.test_many_defects import compose
from tests.end_to_end import tiny

HEADER = "query\ttarget\tgrade\n"


@pytest.fixture
def bad(tmp_path):
    """Write a bad file and return its path."""

    def write(content: str | bytes, name: str = "bad.tsv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_a_file_that_is_not_there_is_named(refuse, tmp_path):
    assert refuse(f"data.train={tmp_path}/no.tsv") == [
        f"{tmp_path}/no.tsv: no such file; check the path (relative paths start at the working "
        "directory)"
    ]


def test_an_empty_file_is_named(refuse, bad):
    path = bad("")
    assert refuse(f"data.dev={path}") == [
        f"{path}: the file is empty; give one with a row for each pair"
    ]


def test_a_file_without_rows_is_named(refuse, bad):
    path = bad(HEADER)
    assert refuse(f"data.test={path}") == [
        f"{path}: the file has a header but no rows; give a row for each pair"
    ]


def test_a_missing_column_is_named_with_those_that_are_there(refuse, bad):
    path = bad("question\tanswer\na\tb\n")
    assert refuse(f"data.train={path}") == [
        f"{path}, line 1: column 'query' is not in the header; columns present: 'question', "
        "'answer'; name the column as the file does or correct the header"
    ]


def test_a_row_with_a_cell_too_many_is_placed(refuse, bad):
    path = bad(HEADER + "a\tb\tc\td\n")
    (line,) = refuse(f"data.train={path}")
    assert line.startswith(f"{path}, line 2: the row has 4 cells, the header 3; part the cells by")


def test_bytes_that_are_not_utf8_are_placed(refuse, bad):
    path = bad("query\ttarget\ncafé\tbar\n".encode("latin-1"))
    assert refuse(f"data.train={path}") == [
        f"{path}, line 2, byte 4 of the line: 0xe9 is not UTF-8; save the file as UTF-8 "
        "(iconv -f ENCODING -t UTF-8)"
    ]


def test_an_empty_text_is_placed(refuse, bad):
    path = bad(HEADER + "a\tb\t1\n\tc\t1\nd\t \t1\n")
    assert refuse(f"data.train={path}") == [
        f"{path}, line 3, column 'query': the text is empty; fill the cell or delete the row",
        f"{path}, line 4, column 'target': the text is empty; fill the cell or delete the row",
        f"2 errors in {path}",
    ]


def test_a_score_that_is_no_number_is_placed(refuse, bad):
    path = bad(HEADER + "a\tb\t1\nc\td\tnan\n")
    assert refuse(f"data.train={path}", *tiny.GRADED) == [
        f"{path}, line 3, column 'grade': 'nan' is not a finite number; write a number from 0 to 5 "
        "or delete the row"
    ]


def test_labels_of_dev_that_are_all_equal_are_refused(refuse, bad):
    path = bad(HEADER + "a\tb\t3\nc\td\t3\n")
    (line,) = refuse(f"data.dev={path}", *tiny.GRADED)
    assert re.search(r"bad\.tsv: all labels are equal, .*; give pairs of different labels", line)


def test_labels_of_dev_that_are_all_equal_once_rows_are_passed_over_are_refused(refuse, bad):
    path = bad(HEADER + "a\tb\t3\nc\td\tnan\ne\tf\t3\n")
    (line,) = refuse(f"data.dev={path}", *tiny.GRADED, "data.on_error=skip")
    assert "bad.tsv: all labels are equal, so nothing can correlate with them" in line


def test_the_mistakes_of_all_files_come_at_once(refuse, bad, tmp_path):
    train, dev = bad(HEADER + "a\t\t1\n"), bad(b"\xff", "dev.tsv")
    lines = refuse(f"data.train={train}", f"data.dev={dev}", f"data.test={tmp_path}/no.tsv")
    assert [re.match(r".*/(\w+)\.tsv", line)[1] for line in lines] == ["bad", "dev", "no"]


def test_a_range_of_labels_that_falls_is_named(refuse):
    (line,) = refuse(*tiny.GRADED, "data.label_range=[5, 0]")
    assert line.startswith("data: label_range must be a lowest and a highest label, got [5.0, 0.0]")


OF_DRAWN = (
    "data.columns={query: query, target: target, negative: negative, label: label}",
    "data.label_range=[0, 5]",
    "data.test=null",
    "evaluation.measure=pairs/spearman",
)
"""The columns of the tables that are drawn."""


@pytest.mark.parametrize("seed", range(10))
def test_a_run_on_spoiled_rows_ends_with_the_message_of_the_reader(refuse, tmp_path, seed):
    draft, spoiled = compose(Random(seed))
    path = draft.write(tmp_path)
    lines = refuse(f"data.train={path}", f"data.dev={draw_dev(tmp_path)}", *OF_DRAWN)
    check_refusal("\n".join(lines), path, draft, spoiled)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("on_error", ["error", "quarantine"])
def test_a_run_on_a_damaged_file_ends_with_the_message_of_the_reader(
    refuse, tmp_path, seed, on_error
):
    suffix = FORMATS[seed % len(FORMATS)]
    damages = [damage for damage in DAMAGES if damage.words[suffix] is not CANNOT]
    damage = Random(seed).choice(damages)
    path = damage.write(draw(suffix, Random(seed)), tmp_path)
    policy = f"data.on_error={on_error}"
    lines = refuse(f"data.train={path}", f"data.dev={draw_dev(tmp_path)}", *OF_DRAWN, policy)
    assert lines[0].startswith(f"{path}{damage.place}")
    assert damage.words[suffix] in lines[0]


def draw_dev(folder):
    """Write a sound table whose scores differ."""
    draft = draw("jsonl", Random(0))
    draft.rows[0]["label"], draft.rows[1]["label"] = 0, 5
    (folder / "dev").mkdir()
    return draft.write(folder / "dev")
