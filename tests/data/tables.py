"""Sound tables drawn at random, and how each format spells them."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow
from pyarrow import parquet

FORMATS = ("tsv", "csv", "jsonl", "parquet")
TEXTS = ("query", "target", "negative")
COLUMNS = (*TEXTS, "label")
LOWEST, HIGHEST = 0, 5

WORDS = (
    "renew",
    "Öffnung",
    "図書館",
    "кот",
    "קרא",
    "👩‍👧",
    "e\u0301",
    "a\u00a0b",
    "50 %",
    "it's",
    "–",
)
"""Of several scripts and directions; composed, joined, with spaces that do not break."""


class Raw(NamedTuple):
    """A value that stands in a JSON object as it is written here."""

    token: str


ABSENT = Raw("")
"""The key is not in the object."""

Row = dict[str, Any]


@dataclass
class Draft:
    """A file that is about to be written; defects change it.

    Attributes:
        suffix: one of ``FORMATS``.
        rows: by column, the values; of texts str or, where they are not UTF-8, bytes.
        spelled: by row, what stands in its place.
        header: the columns as a header names them; None leaves the header out.
        line_end: what ends a line.
        blank_end: lines at the end with nothing in them.
        mark: whether a byte order mark stands first.
        packed: whether the file is gzipped.
        options: for the writer of Parquet.
    """

    suffix: str
    rows: list[Row]
    spelled: dict[int, bytes] = field(default_factory=dict)
    header: Sequence[str] | None = COLUMNS
    line_end: bytes = b"\n"
    blank_end: int = 0
    mark: bool = False
    packed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def line(self, row: int) -> int:
        """Return where a row starts, as an editor counts (of Parquet, the row's number)."""
        if self.suffix == "parquet":
            return row + 1
        before = [spell(self, number) for number in range(row)]
        return sum(1 + line.count(b"\n") for line in before) + self.has_header() + 1

    def has_header(self) -> bool:
        """Tell whether the first line names the columns."""
        return self.suffix in ("tsv", "csv") and self.header is not None

    def content(self) -> bytes:
        """Return the bytes of the file."""
        if self.suffix == "parquet":
            return _pack(self)
        lines = [spell(self, number) for number in range(len(self.rows))]
        if self.has_header():
            lines.insert(0, _join(self.suffix, [name.encode() for name in self.header or ()]))
        text = self.line_end.join([*lines, *[b""] * (self.blank_end + 1)])
        return b"\xef\xbb\xbf" + text if self.mark else text

    def write(self, folder: Path) -> Path:
        """Write the file and return its path."""
        path = folder / f"table.{self.suffix}{'.gz' if self.packed else ''}"
        path.write_bytes(gzip.compress(self.content()) if self.packed else self.content())
        return path


def draw(suffix: str, random: Random, *, num_rows: int = 7) -> Draft:
    """Draw a table in which nothing is wrong."""

    def text() -> str:
        return " ".join(random.choices(WORDS, k=random.randint(1, 6)))

    rows: list[Row] = []
    for _ in range(num_rows):
        row: Row = {name: text() for name in TEXTS}
        row["label"] = random.choice([random.randint(LOWEST, HIGHEST), 2.5, 1e-3])
        rows.append(row)
    return Draft(suffix, rows)


def expected(draft: Draft, rows: Sequence[int]) -> dict[str, list[Any]]:
    """Return what a reader must give of these rows."""

    def text(value: Any) -> str:
        return json.loads(value.token) if isinstance(value, Raw) else str(value)

    kept = [draft.rows[row] for row in rows]
    columns = {name: [text(row[name]) for row in kept] for name in ("query", "target")}
    columns["negative"] = [row["negative"] or None for row in kept]
    columns["label"] = [float(row["label"]) for row in kept]
    return columns


def spell(draft: Draft, row: int) -> bytes:
    """Return a row as the text formats write it, without its line end."""
    if row in draft.spelled:
        return draft.spelled[row]
    values = draft.rows[row]
    if draft.suffix == "jsonl":
        tokens = [
            b"%s: %s" % (json.dumps(name).encode(), _token(value))
            for name, value in values.items()
            if value is not ABSENT
        ]
        return b"{%s}" % b", ".join(tokens)
    return _join(draft.suffix, [_bytes(values[name]) for name in draft.header or values])


def _token(value: Any) -> bytes:
    if isinstance(value, Raw):
        return value.token.encode()
    if isinstance(value, bytes):
        return b'"%s"' % value
    return json.dumps(value, ensure_ascii=False).encode()


def _join(suffix: str, cells: Sequence[bytes]) -> bytes:
    if suffix == "tsv":
        return b"\t".join(cells)
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell.decode("utf-8", "surrogateescape") for cell in cells])
    return out.getvalue().removesuffix("\r\n").encode("utf-8", "surrogateescape")


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str("" if value is None else value).encode()


def _pack(draft: Draft) -> bytes:
    options = dict(draft.options)
    types = options.pop("types", {})
    arrays, names = [], []
    for name in draft.header or ():
        values = [row[name] for row in draft.rows]
        if name in types:
            array = pyarrow.array(values, types[name])
        elif any(isinstance(value, str | bytes) for value in values):
            stored = [None if value is None else _bytes(value) for value in values]
            array = pyarrow.array(stored, pyarrow.binary()).view(pyarrow.string())
        else:
            array = pyarrow.array(values)
        arrays.append(array)
        names.append(name)
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(arrays, names=names), out, **options)
    return out.getvalue()
