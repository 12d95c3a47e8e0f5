"""Files that one start keeps for the next, in a folder that may be deleted at any time."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

LARGEST = 2**30
"""Bytes of a folder; beyond them what was used longest ago is deleted, and no more is kept."""


def recall_file(path: Path) -> bytes | None:
    """Return what ``keep_file`` wrote, used now; None where that is nothing or damaged.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import recall_file
        >>> recall_file(pathlib.Path(tempfile.mkdtemp(), "no such file")) is None
        True
    """
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a folder that may only be read
        os.utime(path)
    content = kept[sha256().digest_size :]
    return content if kept == _sealed(content) else None


def keep_file(path: Path, content: bytes) -> None:
    """Write aside and rename, in the place of what was used longest ago.

    Args:
        path: in a folder of such files only, which is made when it is needed.
        content: any bytes; more than ``LARGEST`` are not kept.

    Raises:
        OSError: nothing can be written there.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import keep_file, recall_file
        >>> path = pathlib.Path(tempfile.mkdtemp(), "answers", "of life")
        >>> keep_file(path, b"42")
        >>> recall_file(path)
        b'42'
    """
    if len(content) > LARGEST:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {each: each.stat() for each in path.parent.iterdir()}
    total = sum(facts.st_size for facts in found.values()) + len(content)
    for each in sorted(found, key=lambda each: found[each].st_mtime_ns):
        if total <= LARGEST:
            break
        total -= found[each].st_size
        each.unlink(missing_ok=True)
    aside = path.with_name(f"unfinished-{os.getpid()}-{path.name}")
    try:
        aside.write_bytes(_sealed(content))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _sealed(content: bytes) -> bytes:
    """Put before a content by what damage to it is known, its SHA-256."""
    return sha256(content).digest() + content
