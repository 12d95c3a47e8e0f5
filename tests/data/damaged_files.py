"""Files that cannot be used as a whole, whatever is to become of single rows."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow

from tests.data.damage import Damage, in_content, in_csv, in_draft, in_path, in_rows, of_type
from tests.data.defects import CANNOT, EMPTY, every, only
from tests.data.tables import COLUMNS, Draft

NO_PARQUET = "this is no Parquet file, or a damaged one ("
NO_COLUMN = "column 'query' is not in the header; columns present: "
EMPTY_FILE = "the file is empty; give one with a row for each pair"
TEXT = ("tsv", "csv", "jsonl")


def rename(draft: Draft, old: str, new: str) -> None:
    """Name a column otherwise, in the header or in every object."""
    draft.header = [new if name == old else name for name in draft.header or ()]
    draft.rows = [{new if key == old else key: row[key] for key in row} for row in draft.rows]


def empty_all(draft: Draft) -> None:
    for row in draft.rows:
        row["query"] = ""


def other_format(content: str) -> Callable[[Draft, Path], Path]:
    """Write the rows as another format has them, under the name of this one."""

    def write(draft: Draft, folder: Path) -> Path:
        path = folder / f"table.{draft.suffix}"
        path.write_bytes(Draft(content, draft.rows).content())
        return path

    return write


def cut_footer(content: bytes) -> bytes:
    return content[:-4] + b"PAR2"


DAMAGES = (
    in_rows(
        "a column of another name",
        lambda draft: rename(draft, "query", "question"),
        every(NO_COLUMN, jsonl="the object lacks this key; keys present: 'question'")
        | {"parquet": "column 'query' is not in the file; columns present: 'question'"},
        "",
    ),
    in_rows(
        "a column in capitals",
        lambda draft: rename(draft, "query", "Query"),
        every(NO_COLUMN, jsonl="the object lacks this key; keys present: 'Query'")
        | {"parquet": "column 'query' is not in the file; columns present: 'Query'"},
        "",
    ),
    in_draft(
        "a column twice",
        every("column 'query' is twice or more in the header", jsonl=CANNOT)
        | {"parquet": "column 'query' is twice or more in the file"},
        "",
        header=[*COLUMNS, "query"],
    ),
    in_draft("no header", only(tsv=NO_COLUMN, csv=NO_COLUMN), ", line 1: ", header=None),
    in_content(
        "a blank line for a header",
        lambda content: b"\n" + content,
        only(tsv=NO_COLUMN + "none, the line is blank", csv=NO_COLUMN + "none, the line is blank"),
        ", line 1: ",
    ),
    in_draft(
        "a header alone",
        only(**dict.fromkeys(("tsv", "csv"), "the file has a header but no rows; give a row")),
        rows=[],
    ),
    in_rows(
        "columns without rows",
        lambda draft: (
            draft.rows.clear(),
            vars(draft).update(options={"types": dict.fromkeys(COLUMNS, pyarrow.string())}),
        ),
        only(parquet="the file has no rows; give a row for each pair"),
    ),
    in_content("an empty file", lambda content: b"", every(EMPTY_FILE, parquet=NO_PARQUET)),
    in_content(
        "white space alone", lambda content: b" \r\n\n", every(EMPTY_FILE, parquet=NO_PARQUET)
    ),
    in_content(
        "a mark of order alone",
        lambda content: b"\xef\xbb\xbf",
        every(EMPTY_FILE, parquet=NO_PARQUET),
    ),
    in_rows("no row that can be used", empty_all, every(EMPTY), ""),
    Damage("TSV called otherwise", other_format("tsv"), only(csv=NO_COLUMN), ", line 1: "),
    Damage("CSV called otherwise", other_format("csv"), only(tsv=NO_COLUMN), ", line 1: "),
    Damage(
        "CSV called otherwise",
        other_format("csv"),
        only(jsonl="this is not JSON (Expecting value); correct the line or delete it"),
        ", line 1, character 1: ",
    ),
    Damage("JSON lines called otherwise", other_format("jsonl"), only(parquet=NO_PARQUET)),
    Damage(
        "JSON lines called otherwise",
        other_format("jsonl"),
        only(tsv=NO_COLUMN),
        ", line 1: ",
    ),
    Damage(
        "Parquet called otherwise",
        other_format("parquet"),
        only(**dict.fromkeys(TEXT, "the file is Parquet, its name says text in UTF-8; end its")),
    ),
    in_content(
        "an unknown suffix", bytes, every("unknown suffix '.xlsx'; known are .tsv,"), suffix=".xlsx"
    ),
    in_content(
        "gzipped, in half",
        lambda content: gzip.compress(content)[:-20],
        every("the gzip file is damaged or no gzip file (", parquet="unknown suffix '.parquet'"),
        suffix=".gz",
    ),
    in_content(
        "gzipped, a byte of the checksum is another",
        lambda content: gzip.compress(content)[:-8] + bytes(8),
        every("the gzip file is damaged or no gzip file (", parquet="unknown suffix '.parquet'"),
        suffix=".gz",
    ),
    in_content(
        "called gzipped",
        bytes,
        every("the gzip file is damaged or no gzip file (", parquet="unknown suffix '.parquet'"),
        suffix=".gz",
    ),
    in_content(
        "gzipped, and not called so",
        gzip.compress,
        every(
            "the file is gzipped, its name says text in UTF-8; end its name in .gz",
            parquet=NO_PARQUET,
        ),
    ),
    in_content(
        "UTF-16",
        lambda content: content.decode().encode("utf-16"),
        only(**dict.fromkeys(TEXT, "the file is UTF-16, its name says text in UTF-8; save it as")),
    ),
    in_content(
        "UTF-16 without its mark",
        lambda content: content.decode().encode("utf-16-le"),
        only(**dict.fromkeys(TEXT, "the file is UTF-16 or not text, for it has NUL bytes; save")),
    ),
    in_draft(
        "carriage returns alone",
        only(tsv="column 'label' is not in the header; columns present: "),
        ", line 1: ",
        line_end=b"\r",
    ),
    in_draft(
        "carriage returns alone",
        only(jsonl="this is not JSON (Extra data); correct the line or delete it"),
        ", line 1, character ",
        line_end=b"\r",
    ),
    in_csv(
        "a quote that never closes", lambda row: b'"' + row, "unexpected end of data); close or"
    ),
    in_csv(
        "a quote within quotes",
        lambda row: b'"a "quoted" word",' + row,
        "',' expected after '\"'); close or double its quotes",
    ),
    in_csv(
        "a cell longer than the reader takes",
        lambda row: b"long " * 30_000 + row,
        "field larger than field limit (131072)); close or double its quotes, or write so long",
    ),
    in_content(
        "half of the file", lambda content: content[: len(content) // 2], only(parquet=NO_PARQUET)
    ),
    in_content(
        "a column whose name is not UTF-8",
        lambda content: content.replace(b"target", b"targe\xf4"),
        only(parquet=NO_PARQUET),
    ),
    in_content("another end", cut_footer, only(parquet=NO_PARQUET)),
    in_content(
        "a footer of noise",
        lambda content: content[:-200] + b"\xff" * 192 + content[-8:],
        only(parquet=NO_PARQUET),
    ),
    of_type("lists", ["a"], pyarrow.list_(pyarrow.string())),
    of_type("nested", {"a": "b"}, pyarrow.struct({"a": pyarrow.string()})),
    of_type("bytes", b"a", pyarrow.binary()),
    of_type("dates", 0, pyarrow.date32()),
    in_path("a folder", Path.mkdir, "this is a folder; name a file in it"),
    in_path("no file", lambda path: None, "no such file; check the path (relative paths start at"),
    in_path(
        "a link to nothing",
        lambda path: path.symlink_to(path.with_name("gone")),
        "no such file; check the path (relative paths start at",
    ),
    in_path(
        "a link to itself",
        lambda path: path.symlink_to(path),
        "the file cannot be read (Too many levels of symbolic links); check its permissions",
    ),
)
