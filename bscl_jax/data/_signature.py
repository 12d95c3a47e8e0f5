"""Files that are of another kind than their name says."""

from os import PathLike

from bscl_jax.data._errors import DataError

NUM_BYTES = 4
"""So many from the beginning tell."""

UTF16 = ("UTF-16", "save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
KINDS = {
    b"\x1f\x8b": ("gzipped", "end its name in .gz"),
    b"PAR1": ("Parquet", "end its name in .parquet"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV UTF-8"),
    b"\xff\xfe": UTF16,
    b"\xfe\xff": UTF16,
}
"""By its first bytes, what a file is and what to do with it."""


def check_signature(path: str | PathLike[str], beginning: bytes) -> None:
    """Refuse what begins as other kinds of file do; what is in it would be taken for a header.

    Args:
        path: the file.
        beginning: its first ``NUM_BYTES``, unpacked, or all of a shorter one.

    Raises:
        DataError: if it is such a file, or if a NUL is among the bytes: UTF-16 without its mark.
    """
    for signature, (kind, remedy) in KINDS.items():
        if beginning.startswith(signature):
            raise DataError(f"{path}: the file is {kind}, its name says text in UTF-8; {remedy}")
    if b"\0" in beginning:
        kind, remedy = UTF16
        raise DataError(f"{path}: the file is {kind} or not text, for it has NUL bytes; {remedy}")
