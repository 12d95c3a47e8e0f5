"""A file's text, whole or by lines, or one error that says why there is none."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from bscl_jax.data._errors import DataError, data_error
from bscl_jax.data._rows import EMPTY
from bscl_jax.data._signature import NUM_BYTES, check_signature


def read_text(path: str | PathLike[str], *, undecodable: str = "refuse") -> str:
    """Read a UTF-8 file, unpacked where its name ends in ``.gz``; a byte order mark is dropped.

    Args:
        path: the file.
        undecodable: what becomes of bytes that are not UTF-8: ``"refuse"`` or ``"keep"``, which
            makes each a character that ``is_unicode`` tells from a true one.

    Returns:
        The text with its line ends as they are.

    Raises:
        DataError: if the file is missing, unreadable, damaged, empty, of another kind or not UTF-8.
    """
    content = read_bytes(Path(path))
    check_signature(path, content[:NUM_BYTES])
    errors = "strict" if undecodable == "refuse" else "surrogateescape"
    try:
        text = content.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise data_error(path, _undecodable_lines(content)) from None
    if not text.strip():
        raise DataError(f"{path}: {EMPTY}")
    return text


def read_lines(path: str | PathLike[str], *, newline: str) -> Iterator[str]:
    r"""Read a file as ``read_text`` does, a line at a time and with what is not UTF-8 kept.

    Args:
        path: the file.
        newline: ``"\n"`` ends lines at line feeds alone, ``""`` also at carriage returns.

    Returns:
        The lines with their ends.

    Raises:
        DataError: when the first line is asked for, if the file is missing, unreadable or of
            another kind; at the damaged place, if it is damaged.
    """
    path = Path(path)
    with refusals(path), path.open("rb") as content:
        plain = gzip.GzipFile(fileobj=content) if is_packed(path) else content
        check_signature(path, plain.peek(NUM_BYTES)[:NUM_BYTES])
        with io.TextIOWrapper(plain, "utf-8-sig", "surrogateescape", newline) as lines:
            yield from lines


def read_bytes(path: Path) -> bytes:
    """Read a file, unpacked where its name ends in ``.gz``; raise DataError where it cannot be."""
    with refusals(path):
        content = path.read_bytes()
        return gzip.decompress(content) if is_packed(path) else content


def is_packed(path: Path) -> bool:
    """Tell whether the name of a file says that it is gzipped."""
    return path.suffix.lower() == ".gz"


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading a file into a DataError with the remedy."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; check the path (relative paths start at the working directory)"
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder; name a file in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip file is damaged or no gzip file ({error}); copy or pack it again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}); check its permissions"
        ) from None


def _undecodable_lines(content: bytes) -> list[str]:
    problems: list[str] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(
                f"line {number}, byte {error.start + 1} of the line: 0x{line[error.start]:02x} is "
                "not UTF-8; save the file as UTF-8 (iconv -f ENCODING -t UTF-8)"
            )
    return problems
