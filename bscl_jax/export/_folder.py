"""Folders that appear whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path, *, mark: str) -> Iterator[Path]:
    """Fill a folder out of sight and put it in its place at the end.

    The work is done in a hidden sibling, which is renamed when the block ends without an error and
    removed otherwise. An earlier folder is moved aside for the rename, brought back if the rename
    fails, and then removed; for that instant a reader finds no folder, never a half-written one.

    Args:
        folder: where the folder shall appear; its parents are made.
        mark: name of a file that tells a folder of ours: only such a one is replaced.

    Yields:
        The folder to write into.

    Raises:
        FileExistsError: when something stands there that is neither empty nor marked.
    """
    check_replaceable(folder, mark=mark)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new, old = (
        folder.with_name(f".{folder.name}.{kind}-{secrets.token_hex(4)}") for kind in ("new", "old")
    )
    new.mkdir()
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def check_replaceable(folder: Path, *, mark: str) -> None:
    """Raise FileExistsError unless the folder is absent, empty or holds the file ``mark``."""
    if not folder.exists() or (folder / mark).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} holds something else than an earlier export (it has no {mark}); choose "
            "another folder or remove it"
        )
