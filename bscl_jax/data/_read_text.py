"""A file's whole text, or one error that says why there is none."""

import gzip
import zlib
from os import PathLike
from pathlib import Path

from bscl_jax.data._errors import DataError, data_error


def read_text(path: str | PathLike[str], *, undecodable: str = "refuse") -> str:
    """Read a UTF-8 file, unpacked where its name ends in ``.gz``; a byte order mark is dropped.

    Args:
        path: the file.
        undecodable: what becomes of bytes that are not UTF-8: ``"refuse"`` or ``"keep"``, which
            makes each a character that ``is_unicode`` tells from a true one.

    Returns:
        The text with its line ends as they are.

    Raises:
        DataError: if the file is missing, unreadable, damaged, empty or not UTF-8.
    """
    content = read_bytes(Path(path))
    errors = "strict" if undecodable == "refuse" else "surrogateescape"
    try:
        text = content.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise data_error(path, _undecodable_lines(content)) from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; give one with a row for each pair")
    return text


def read_bytes(path: Path) -> bytes:
    """Read a file, unpacked where its name ends in ``.gz``; raise DataError where it cannot be."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix.lower() == ".gz" else content
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
