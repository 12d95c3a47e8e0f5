"""Rows that cannot be used: what is wrong with them, and what a message must say of it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from tests.data.tables import ABSENT, FORMATS, Draft, Raw, spell

CANNOT = None
"""The format cannot express the defect."""
NOWHERE = dict.fromkeys(FORMATS, CANNOT)

EMPTY = "the text is empty; fill the cell or delete the row"
UNSEEN = "which shows nothing; fill the cell or delete the row"
NOT_UTF8 = "is not UTF-8; save the file as UTF-8 (iconv -f ENCODING -t UTF-8)"
NO_NUMBER = "is not a finite number; write a number from 0 to 5 or delete the row"
OUTSIDE = "is outside the scale 0 to 5; correct it, or give the scale that the file uses"
NO_JSON = "; correct the line or delete it"
NO_OBJECT = "each line must be an object such as"
WRONG_TYPE = "must be a string or a number, is {}; write one or delete the line"


class Defect(NamedTuple):
    """Something that is wrong with one row.

    Attributes:
        name: in words.
        spoil: puts it into a row of a draft.
        words: by format, how the message ends or what stands in it; ``CANNOT`` where the format
            has no such thing.
        column: which column the message names; "" for what concerns the row or its bytes.
        spares: rows that it does no harm to, from the first (0) to the last (-1).
    """

    name: str
    spoil: Callable[[Draft, int], None]
    words: Mapping[str, str | None]
    column: str = ""
    spares: tuple[int, ...] = ()


def every(words: str, **others: str | None) -> dict[str, str | None]:
    """Expect the same in all formats but some."""
    return {**dict.fromkeys(FORMATS, words), **others}


def only(**words: str) -> dict[str, str | None]:
    """Expect it in some formats; the others cannot express it."""
    return {**NOWHERE, **words}


def in_cell(
    name: str, column: str, value: Any, words: Mapping[str, str | None], **others: Any
) -> Defect:
    """Put a value, in some formats another, into a cell."""

    def spoil(draft: Draft, row: int) -> None:
        draft.rows[row][column] = others.get(draft.suffix, value)

    return Defect(name, spoil, words, column)


def in_line(
    name: str, change: Callable[[bytes], bytes], words: Mapping[str, str | None], **more: Any
) -> Defect:
    """Change a row as it is written."""

    def spoil(draft: Draft, row: int) -> None:
        draft.spelled[row] = change(spell(draft, row))

    return Defect(name, spoil, words, **more)


def in_bytes(name: str, value: bytes) -> Defect:
    """Put bytes that are not UTF-8 into a text; the message names the byte or the column."""
    return in_cell(name, "query", value, every(NOT_UTF8))._replace(column="")


text, label = partial(in_cell, column="query"), partial(in_cell, column="label")

DEFECTS = (
    # Texts.
    text("empty text", value="", words=every(EMPTY)),
    text("white space", value=" \u00a0\u3000", words=every(EMPTY)),
    text("zero-width characters", value="\u200b\u2060\ufeff", words=every(UNSEEN)),
    text("control characters", value="\x01\x02\x7f", words=every(UNSEEN)),
    text("nothing but NUL", value="\0", words=every(UNSEEN)),
    in_bytes("Latin-1", b"caf\xe9"),
    in_bytes("half of a surrogate pair in UTF-8", b"\xed\xa0\x80"),
    in_bytes("a character cut in two", b"caf\xc3"),
    in_bytes("an overlong slash", b"a\xc0\xafb"),
    text(
        "half of a surrogate pair, escaped",
        value=Raw(r'"a \ud800"'),
        words=only(jsonl="half of a surrogate pair is no character; write the whole pair"),
    ),
    text(
        "null text", value=None, words=only(jsonl=WRONG_TYPE.format("null"), parquet=EMPTY)
    ),  # in TSV and CSV null is an empty cell
    text("a truth as text", value=True, words=only(jsonl=WRONG_TYPE.format("true"))),
    text("NaN as text", value=Raw("NaN"), words=only(jsonl=WRONG_TYPE.format("NaN"))),
    text("a list", value=["a"], words=only(jsonl=WRONG_TYPE.format("list"))),
    text("an object", value={"a": "b"}, words=only(jsonl=WRONG_TYPE.format("dict"))),
    text(
        "a key that is not there",
        value=ABSENT,
        words=only(jsonl="the object lacks this key; keys present: "),
    ),
    # Scores.
    label("a word", value="high", words=every(NO_NUMBER)),
    label("an empty score", value="", words=every(NO_NUMBER)),
    label("null score", value=None, words=only(jsonl=WRONG_TYPE.format("null"), parquet=NO_NUMBER)),
    label("NaN", value=float("nan"), words=every(NO_NUMBER, jsonl=WRONG_TYPE.format("NaN"))),
    label(
        "infinity",
        value=float("inf"),
        words=every(NO_NUMBER, jsonl=WRONG_TYPE.format("Infinity")),
    ),
    label(
        "minus infinity",
        value=float("-inf"),
        words=every(NO_NUMBER, jsonl=WRONG_TYPE.format("-Infinity")),
    ),
    label("nan in letters", value="NaN", words=every(NO_NUMBER)),
    label("beyond float64", value="1e999", words=every(NO_NUMBER), jsonl=Raw("1e999")),
    label("beyond float32", value=1e39, words=every(OUTSIDE)),
    label("a huge integer", value="9" * 400, words=every(NO_NUMBER), jsonl=Raw("9" * 400)),
    label("above the scale", value=5.001, words=every(OUTSIDE)),
    label("below the scale", value=-1, words=every(OUTSIDE)),
    label("digits in groups", value="1_0", words=every(NO_NUMBER)),
    label("hexadecimal", value="0x5", words=every(NO_NUMBER)),
    label("a decimal comma", value="2,5", words=every(NO_NUMBER)),
    label(
        "a truth", value="True", words=every(NO_NUMBER, jsonl=WRONG_TYPE.format("true")), jsonl=True
    ),
    # Rows.
    in_line(
        "a cell too many",
        lambda row: row + b"\tx,x",
        only(tsv="the row has 5 cells, the header 4; part the cells by one tab each"),
    ),
    in_line(
        "a cell too many",
        lambda row: row + b",x",
        only(csv="the row has 5 cells, the header 4; put cells that hold a comma into"),
    ),
    in_line(
        "a cell too few",
        lambda row: row.rpartition(b"\t")[0],
        only(tsv="the row has 3 cells, the header 4; part the cells by one tab each"),
    ),
    in_line(
        "a cell too few",
        lambda row: row.rpartition(b",")[0],
        only(csv="the row has 3 cells, the header 4; put cells that hold a comma into"),
    ),
    in_line(
        "a blank line",
        lambda row: b"",
        only(**dict.fromkeys(("tsv", "csv", "jsonl"), "the line is blank; delete it")),
        spares=(-1,),
    ),
    in_line(
        "half of an object", lambda row: row.decode()[: len(row) // 3].encode(), only(jsonl=NO_JSON)
    ),
    in_line("two objects on a line", lambda row: row + b" " + row, only(jsonl=NO_JSON)),
    in_line("a comma at the end", lambda row: row[:-1] + b",}", only(jsonl=NO_JSON)),
    in_line("single quotes", lambda row: row.replace(b'"', b"'"), only(jsonl=NO_JSON)),
    in_line("a tab in a string", lambda row: b'{"query": "\t"}', only(jsonl=NO_JSON)),
    in_line("a mark of order", lambda row: b"\xef\xbb\xbf" + row, only(jsonl=NO_JSON), spares=(0,)),
    in_line("no JSON at all", lambda row: b"<html>", only(jsonl=NO_JSON)),
    in_line("a list in place of an object", lambda row: b"[%s]" % row, only(jsonl=NO_OBJECT)),
    in_line("a number in place of an object", lambda row: b"5", only(jsonl=NO_OBJECT)),
    in_line(
        "lists in lists in lists",
        lambda row: row[:-1] + b', "x": ' + b"[" * 50_000,
        only(jsonl="the JSON is nested too deeply; write one flat object"),
    ),
    in_line(
        "a key that is there twice",
        lambda row: row[:-1] + b', "query": "again"}',
        only(jsonl="the object has this key twice or more; keep one"),
        column="query",
    ),
)
