import gzip
from pathlib import Path

import pytest

from bscl_jax.data import DataError, as_score, as_text, one_of, read_table

TEXTS = {"query": as_text, "target": as_text}
LABELLED = {**TEXTS, "label": as_score(0, 5)}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message_of(path: Path, columns=TEXTS) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, columns)
    return str(caught.value)


# What is read


def test_a_tsv_gives_the_asked_columns_and_their_lines(tmp_path):
    path = write(tmp_path, "a.tsv", "id\ttarget\tquery\n1\tt1\tq1\n2\tt2\tq2\n")
    table = read_table(path, TEXTS)
    assert table.columns == {"query": ["q1", "q2"], "target": ["t1", "t2"]}
    assert table.lines == [2, 3]


def test_a_quote_in_a_tsv_is_a_character(tmp_path):
    path = write(tmp_path, "a.tsv", 'query\ttarget\n"open\t""doubled""\n')
    assert read_table(path, TEXTS).columns == {"query": ['"open'], "target": ['""doubled""']}


def test_only_line_feeds_end_the_lines_of_a_tsv(tmp_path):
    path = write(tmp_path, "a.tsv", "query\ttarget\r\nq\u2028q\tt\x0bt\r\n")
    assert read_table(path, TEXTS).columns == {"query": ["q\u2028q"], "target": ["t\x0bt"]}


def test_a_csv_cell_may_hold_commas_quotes_and_line_ends(tmp_path):
    path = write(tmp_path, "a.csv", 'query,target\n"a, ""b""\nc",t1\nq2,t2\n')
    table = read_table(path, TEXTS)
    assert table.columns["query"] == ['a, "b"\nc', "q2"]
    assert table.lines == [2, 4]


def test_json_numbers_are_read_as_they_are_written(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"query": 2.50, "target": "t", "label": 4}\n')
    assert read_table(path, LABELLED).columns == {"query": ["2.50"], "target": ["t"], "label": [4]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.TSV", "query\ttarget\nä\tt\n"),
        ("a.csv", "query,target\nä,t\n"),
        ("a.b.jsonl", '{"query": "ä", "target": "t"}\n'),
    ],
)
def test_a_gzipped_file_reads_as_the_plain_one(tmp_path, name, content):
    plain = write(tmp_path, name, content)
    packed = write(tmp_path, name + ".gz", gzip.compress(content.encode()))
    assert read_table(packed, TEXTS)[1:] == read_table(plain, TEXTS)[1:]
    assert read_table(plain, TEXTS).columns["query"] == ["ä"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = write(tmp_path, "a.tsv", b"\xef\xbb\xbfquery\ttarget\nq\tt\n")
    assert read_table(path, TEXTS).columns["query"] == ["q"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "query\ttarget\nq\tt\n\n\n"),
        ("a.csv", "query,target\nq,t\n\n\n"),
        ("a.jsonl", '{"query": "q", "target": "t"}\n\n  \n'),
    ],
)
def test_blank_lines_at_the_end_are_passed_over(tmp_path, name, content):
    assert read_table(write(tmp_path, name, content), TEXTS).columns["query"] == ["q"]


# What is refused, by one line that names file, line, column and remedy


def test_a_missing_file_is_named(tmp_path):
    message = message_of(tmp_path / "none.tsv")
    assert message.startswith(f"{tmp_path / 'none.tsv'}: no such file; check the path")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.tsv").mkdir()
    assert "this is a folder; name a file in it" in message_of(tmp_path / "a.tsv")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.tsv.zip", ".gz"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    message = message_of(write(tmp_path, name, "query\ttarget\nq\tt\n"))
    assert "unknown suffix" in message
    assert "known are .tsv, .csv, .jsonl, each also with .gz" in message


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path, name, content):
    path = write(tmp_path, name, content)
    expected = f"{path}: the file is empty; give one with a row for each pair"
    assert message_of(path) == expected


@pytest.mark.parametrize("content", ["query\ttarget\n", "query\ttarget"])
def test_a_header_alone_is_refused(tmp_path, content):
    assert "a header but no rows" in message_of(write(tmp_path, "a.tsv", content))


def test_a_missing_column_lists_those_present(tmp_path):
    path = write(tmp_path, "a.tsv", "question\ttarget\nq\tt\n")
    assert message_of(path) == (
        f"{path}, line 1: column 'query' is not in the header; columns present: 'question', "
        "'target'; name the column as the file does or correct the header"
    )


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = write(tmp_path, "a.csv", "query,target,query\nq,t,q\n")
    assert "line 1: column 'query' is twice or more in the header" in message_of(path)


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl"])
def test_bytes_that_are_not_utf8_are_placed(tmp_path, name):
    path = write(tmp_path, name, b"query\ttarget\nq\tt\nna\xc3\xafve caf\xe9\tt\n")
    assert message_of(path) == (
        f"{path}, line 3, byte 11 of the line: 0xe9 is not UTF-8; "
        "save the file as UTF-8 (iconv -f ENCODING -t UTF-8)"
    )


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"query\ttarget\nq\tt\n", mtime=0)[:-9]],
    ids=["no gzip", "cut short"],
)
def test_a_damaged_gzip_file_is_refused(tmp_path, content):
    assert "the gzip file is damaged" in message_of(write(tmp_path, "a.tsv.gz", content))


def test_a_row_with_too_many_cells_is_placed(tmp_path):
    path = write(tmp_path, "a.tsv", "query\ttarget\nq\tt\nq\tt\tx\n")
    assert message_of(path) == (
        f"{path}, line 3: the row has 3 cells, the header 2; "
        "part the cells by one tab each, with none inside a text"
    )


def test_a_csv_row_with_too_few_cells_is_placed_after_a_row_of_two_lines(tmp_path):
    path = write(tmp_path, "a.csv", 'query,target\n"q\nq",t\nq\n')
    assert f"{path}, line 4: the row has 1 cell, the header 2" in message_of(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "query\ttarget\n\nq\tt\n"),
        ("a.csv", "query,target\n\nq,t\n"),
        ("a.jsonl", '{"query": "q", "target": "t"}\n\n{"query": "q", "target": "t"}\n'),
    ],
)
def test_a_blank_line_between_rows_is_refused(tmp_path, name, content):
    path = write(tmp_path, name, content)
    assert message_of(path) == f"{path}, line 2: the line is blank; delete it"


@pytest.mark.parametrize("cell", ["", "  ", "\u00a0"])
def test_an_empty_text_is_placed(tmp_path, cell):
    path = write(tmp_path, "a.tsv", f"query\ttarget\nq\t{cell}\n")
    expected = "line 2, column 'target': the text is empty; fill the cell or delete the row"
    assert message_of(path) == f"{path}, {expected}"


@pytest.mark.parametrize("cell", ["\u200b", "\ufeff \x01", "\u2060\x7f"])
def test_a_text_that_shows_nothing_is_empty_and_shown_by_its_escapes(tmp_path, cell):
    path = write(tmp_path, "a.tsv", f"query\ttarget\nq\t{cell}\n")
    assert message_of(path) == (
        f"{path}, line 2, column 'target': the text is {cell!r}, which shows nothing; "
        "fill the cell or delete the row"
    )


def test_a_text_of_marks_that_are_seen_is_one(tmp_path):
    cells = ["\u200b.", "\U0001f468\u200d\U0001f469", "\u0301", "\ue000"]
    path = write(tmp_path, "a.tsv", "query\ttarget\n" + "".join(f"{c}\tt\n" for c in cells))
    assert read_table(path, TEXTS).columns["query"] == cells


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e999", "high", "1_0", "0x1"])
def test_a_score_that_is_no_finite_number_is_placed(tmp_path, cell):
    path = write(tmp_path, "a.tsv", f"query\ttarget\tlabel\nq\tt\t{cell}\n")
    assert message_of(path, LABELLED) == (
        f"{path}, line 2, column 'label': '{cell}' is not a finite number; "
        "write a number from 0 to 5 or delete the row"
    )


def test_an_empty_score_is_no_number(tmp_path):
    path = write(tmp_path, "a.tsv", "query\ttarget\tlabel\nq\tt\t\n")
    assert "column 'label': '' is not a finite number" in message_of(path, LABELLED)


@pytest.mark.parametrize("cell", ["-0.001", "5.01"])
def test_a_score_outside_its_scale_is_placed(tmp_path, cell):
    path = write(tmp_path, "a.tsv", f"query\ttarget\tlabel\nq\tt\t{cell}\n")
    assert message_of(path, LABELLED) == (
        f"{path}, line 2, column 'label': '{cell}' is outside the scale 0 to 5; "
        "correct it, or give the scale that the file uses"
    )


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    path = write(tmp_path, "a.tsv", "split\ntrian\n")
    message = message_of(path, {"split": one_of("train", "dev")})
    assert message.endswith("column 'split': 'trian' is unknown; write one of train, dev")


def test_a_csv_quote_that_never_closes_is_placed(tmp_path):
    path = write(tmp_path, "a.csv", 'query,target\nq,t\n"q,t\nq,t\n')
    message = message_of(path)
    assert f"{path}, line 3: the row that starts here is not CSV" in message
    assert message.endswith("close or double its quotes")


def test_a_csv_cell_that_is_too_long_says_so_and_what_holds_it(tmp_path):
    path = write(tmp_path, "a.csv", f"query,target\nq,t\nq,{'long ' * 30_000}\n")
    assert message_of(path) == (
        f"{path}, line 3: the row that starts here is not CSV (field larger than field limit "
        "(131072)); close or double its quotes, or write so long a text to .jsonl"
    )


def test_a_csv_header_that_is_no_csv_is_placed(tmp_path):
    path = write(tmp_path, "a.csv", '"query,target\nq,t\n')
    assert f"{path}, line 1: the row that starts here is not CSV" in message_of(path)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"query": "q", target: "t"}', ", character 16: this is not JSON (Expecting property"),
        ('["q", "t"]', ": each line must be an object such as"),
        ('{"query": "q"}', ", column 'target': the object lacks this key; keys present: 'query'"),
        (
            '{"query": "q", "target": null}',
            ", column 'target': must be a string or a number, is null; write one or delete",
        ),
        (
            '{"query": "q", "target": ["t"]}',
            ", column 'target': must be a string or a number, is l",
        ),
        ('{"query": "q", "target": true}', ", column 'target': must be a string or a number, is t"),
        (
            '{"query": NaN, "target": "t"}',
            ", column 'query': must be a string or a number, is NaN;",
        ),
        (
            '{"query": "q", "target": "t", "query": "r"}',
            ", column 'query': the object has this key twice or more; keep one",
        ),
        ('{"query": "q", "target": "\\ud800"}', ", column 'target': half of a surrogate pair"),
        ('{"query": "q", "target": "t", "x": ' + "[" * 200_000, ": the JSON is nested too deeply"),
    ],
)
def test_a_faulty_json_line_is_placed(tmp_path, line, fault):
    path = write(tmp_path, "a.jsonl", '{"query": "q", "target": "t"}\n' + line + "\n")
    assert message_of(path).startswith(f"{path}, line 2{fault}")


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity"])
def test_a_score_of_json_that_is_not_finite_is_no_number(tmp_path, score):
    path = write(tmp_path, "a.jsonl", f'{{"query": "q", "target": "t", "label": {score}}}\n')
    fault = f"must be a string or a number, is {score}; write one or delete the line"
    assert message_of(path, LABELLED) == f"{path}, line 1, column 'label': {fault}"


def test_a_key_that_is_not_asked_for_may_stand_twice_in_an_object(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"x": 1, "query": "q", "x": {"y": 1}, "target": "t"}\n')
    assert read_table(path, TEXTS).columns["query"] == ["q"]


def test_the_first_five_mistakes_are_shown_and_all_are_counted(tmp_path):
    rows = "q\tt\t9\n" * 3 + "\tt\t9\n" * 2
    path = write(tmp_path, "a.tsv", "query\ttarget\tlabel\n" + rows)
    lines = message_of(path, LABELLED).split("\n")
    assert [line.split(":")[0].removeprefix(str(path)) for line in lines[:5]] == [
        ", line 2, column 'label'",
        ", line 3, column 'label'",
        ", line 4, column 'label'",
        ", line 5, column 'query'",
        ", line 5, column 'label'",
    ]
    assert lines[5:] == [f"7 errors in {path}; the first 5 are shown"]


def test_two_mistakes_are_both_shown_and_counted(tmp_path):
    path = write(tmp_path, "a.tsv", "query\ttarget\nq\t\n\tt\n")
    lines = message_of(path).split("\n")
    assert len(lines) == 3
    assert lines[2] == f"2 errors in {path}"


def test_a_long_value_is_cut_in_the_message(tmp_path):
    path = write(tmp_path, "a.tsv", f"query\ttarget\tlabel\nq\tt\t{'long ' * 100}\n")
    assert len(message_of(path, LABELLED)) < len(str(path)) + 200


@pytest.mark.parametrize(
    "scale", [(1, 1), (5, 0), (0, float("inf")), (float("nan"), 1), (-1e308, 1e308)]
)
def test_a_scale_must_rise(scale):
    with pytest.raises(
        ValueError, match=r"a scale must run from a number to a greater one at a finite"
    ):
        as_score(*scale)


@pytest.mark.parametrize(
    ("suffix", "header", "parted"),
    [
        (".csv", "query;label", "part the cells by commas"),
        (".tsv", "query,label", "part the cells by one tab each, with none inside a text"),
    ],
)
def test_another_separator_than_the_suffix_says_is_suspected(tmp_path, suffix, header, parted):
    path = tmp_path / f"a{suffix}"
    path.write_text(f"{header}\na\n")
    with pytest.raises(DataError, match=f"columns present: '{header}'; .*; {parted}$"):
        read_table(path, {"query": as_text, "label": as_text})
