"""What looks odd and does no harm: every row is read."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import pyarrow

from tests.data.tables import COLUMNS, FORMATS, Draft, Raw, spell

TEXT = ("tsv", "csv", "jsonl")
QUOTED = ("csv", "jsonl", "parquet")


class Oddity(NamedTuple):
    """Something that a file may hold.

    Attributes:
        name: in words.
        put: puts it into a draft.
        formats: those that can express it.
    """

    name: str
    put: Callable[[Draft], None]
    formats: Collection[str] = FORMATS


def cell(name: str, column: str, value: Any, formats: Collection[str] = FORMATS) -> Oddity:
    """Put a value into a cell of the second row."""
    return Oddity(name, lambda draft: draft.rows[1].update({column: value}), formats)


def fields(name: str, formats: Collection[str] = FORMATS, **others: Any) -> Oddity:
    """Give the draft other fields."""
    return Oddity(name, lambda draft: vars(draft).update(others), formats)


def typed(name: str, column: str, kind: pyarrow.DataType) -> Oddity:
    """Store a column of a Parquet file in another type."""

    def put(draft: Draft) -> None:
        if column == "label":
            for number, row in enumerate(draft.rows):
                row["label"] = kind.to_pandas_dtype()(number % 2)
        draft.options = {"types": {column: kind}}

    return Oddity(name, put, ("parquet",))


def mix_line_ends(draft: Draft) -> None:
    for row in range(0, len(draft.rows), 2):
        draft.spelled[row] = spell(draft, row) + b"\r"


def add_column(draft: Draft) -> None:
    draft.header = [*COLUMNS, "note"]
    for row in draft.rows:
        row["note"] = ""


def copy_row(draft: Draft) -> None:
    draft.rows[2] = dict(draft.rows[1])


def pair_with_itself(draft: Draft) -> None:
    draft.rows[1]["target"] = draft.rows[1]["query"]


def negative_is_target(draft: Draft) -> None:
    draft.rows[1]["negative"] = draft.rows[1]["target"]


def leave_negatives_out(draft: Draft) -> None:
    for row in draft.rows[::2]:
        row["negative"] = ""


def reorder(draft: Draft) -> None:
    draft.rows = [dict(reversed(row.items())) for row in draft.rows]


ODDITIES = (
    fields("line ends of Windows", TEXT, line_end=b"\r\n"),
    Oddity("line ends of two kinds", mix_line_ends, TEXT),
    fields("blank lines at the end", TEXT, blank_end=3),
    fields("no line end at the end", TEXT, blank_end=-1),
    fields("a mark of order", TEXT, mark=True),
    fields("gzipped", TEXT, packed=True),
    fields("carriage returns alone", ("csv",), line_end=b"\r"),
    cell("NUL in a text", "query", "a\0b"),
    cell("quotes in a text", "query", '"a" ""b'),
    cell("one quote in a text", "query", 'a 5" disc'),
    cell("a comma in a text", "target", "a, b,"),
    cell("a tab in a text", "query", "a\tb", QUOTED),
    cell("a line end in a text", "query", "a\nb\r\nc", QUOTED),
    cell("a carriage return in a text", "query", "a\rb", ("tsv", "jsonl", "parquet")),
    cell("line ends of Unicode in a text", "query", "a\u2028b\x85c\x0bd"),
    cell("backslashes in a text", "query", "a\\tb\\"),
    cell("zero-width characters in a text", "query", "\ufeffa\u200b"),
    cell("a text that is a number", "query", 5),
    cell("a text that says null", "query", "null"),
    cell("a text of 200,000 characters", "query", "long " * 40_000, ("tsv", "jsonl", "parquet")),
    cell("a character of a private area", "query", "\ue000"),
    cell("spaces round a number", "label", " 3 "),
    cell("a number with a sign", "label", "+3."),
    cell("a number with an exponent", "label", "30e-1"),
    cell("digits of another script", "label", "٣"),
    cell("a number less than any float32", "label", 1e-300),
    cell("a number of many digits", "label", "3." + "0" * 400 + "1"),
    cell("an escaped pair of surrogates", "query", Raw(r'"\ud83d\ude00"'), ("jsonl",)),
    Oddity("a pair that comes again", copy_row),
    Oddity("a pair of a text and itself", pair_with_itself),
    Oddity("a negative that is the target", negative_is_target),
    Oddity("rows without a negative", leave_negatives_out),
    Oddity("a column more", add_column),
    Oddity("keys in another order", reorder, ("jsonl",)),
    fields("columns in another order", ("tsv", "csv", "parquet"), header=COLUMNS[::-1]),
    fields("several row groups", ("parquet",), options={"row_group_size": 2}),
    fields("columns packed inside", ("parquet",), options={"compression": "gzip"}),
    typed("large texts", "query", pyarrow.large_string()),
    typed("texts in a dictionary", "query", pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
    typed("scores of a byte", "label", pyarrow.int8()),
    typed("scores of two bytes", "label", pyarrow.float16()),
    typed("scores that are truths", "label", pyarrow.bool_()),
)
