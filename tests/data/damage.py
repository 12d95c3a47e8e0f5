"""What makes a file useless as a whole, and the ways to do it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow

from tests.data.defects import every, only
from tests.data.tables import Draft, spell


class Damage(NamedTuple):
    """What makes a file useless.

    Attributes:
        name: in words.
        write: writes the draft, damaged, into a folder and returns the path.
        words: by format, what the message says; ``CANNOT`` where the format has no such thing.
        place: what follows the path in the message.
    """

    name: str
    write: Callable[[Draft, Path], Path]
    words: Mapping[str, str | None]
    place: str = ": "


def in_draft(
    name: str, words: Mapping[str, str | None], place: str = ": ", **fields: Any
) -> Damage:
    """Write the draft with other fields."""

    def write(draft: Draft, folder: Path) -> Path:
        vars(draft).update(fields)
        return draft.write(folder)

    return Damage(name, write, words, place)


def in_content(
    name: str,
    change: Callable[[bytes], bytes],
    words: Mapping[str, str | None],
    place: str = ": ",
    suffix: str = "",
) -> Damage:
    """Change the bytes of the file, and add to its name."""

    def write(draft: Draft, folder: Path) -> Path:
        path = folder / f"table.{draft.suffix}{suffix}"
        path.write_bytes(change(draft.content()))
        return path

    return Damage(name, write, words, place)


def in_rows(
    name: str,
    change: Callable[[Draft], None],
    words: Mapping[str, str | None],
    place: str = ": ",
) -> Damage:
    """Change the rows."""

    def write(draft: Draft, folder: Path) -> Path:
        change(draft)
        return draft.write(folder)

    return Damage(name, write, words, place)


def in_csv(name: str, change: Callable[[bytes], bytes], words: str) -> Damage:
    """Change the second row of a CSV, which hides those that follow."""

    def spoil(draft: Draft) -> None:
        draft.spelled[1] = change(spell(draft, 1))

    return in_rows(name, spoil, only(csv=words), ", line 3: the row that starts here is not CSV (")


def in_path(name: str, make: Callable[[Path], None], words: str) -> Damage:
    """Put something else in the file's place."""

    def write(draft: Draft, folder: Path) -> Path:
        path = folder / f"table.{draft.suffix}"
        make(path)
        return path

    return Damage(name, write, every(words))


def of_type(name: str, value: Any, kind: pyarrow.DataType) -> Damage:
    """Give the queries of a Parquet file another type."""

    def change(draft: Draft) -> None:
        for row in draft.rows:
            row["query"] = value
        draft.options = {"types": {"query": kind}}

    words = f"must hold texts or numbers, holds {str(kind).partition('<')[0]}"
    return in_rows(name, change, only(parquet=words), ", column 'query': ")
