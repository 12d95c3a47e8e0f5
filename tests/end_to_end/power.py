"""A machine that may lose power: of each file what was flushed to the disk is left, no more."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

Names = dict[str, tuple[int, bool]]
"""The inode of each name in a folder, and whether it is a folder itself."""


class Left(NamedTuple):
    """What a power cut leaves, by inode.

    Attributes:
        octets: of each file, when it was flushed last.
        names: of each folder, when it was flushed last.
    """

    octets: dict[int, bytes]
    names: dict[int, Names]

    def lay(self, folder: Path, into: Path) -> None:
        """Write what is left below a folder into a new one."""
        self._lay(folder.stat().st_ino, into)

    def _lay(self, inode: int, into: Path) -> None:
        into.mkdir()
        for name, (below, is_folder) in self.names.get(inode, {}).items():
            if is_folder:
                self._lay(below, into / name)
            else:
                (into / name).write_bytes(self.octets.get(below, b""))


@contextmanager
def cuts() -> Iterator[list[Left]]:
    """Yield what a power cut would leave after each flush of a folder; nothing is truly flushed.

    What has been flushed stays open, so that no other file gets the number of its inode.
    """
    moments: list[Left] = []
    octets: dict[int, bytes] = {}
    names: dict[int, Names] = {}
    open_still: list[int] = []

    def flush(descriptor: int) -> None:
        found = os.fstat(descriptor)
        if found.st_ino not in octets | names:
            open_still.append(os.dup(descriptor))
        path = Path(f"/proc/self/fd/{descriptor}")
        if stat.S_ISDIR(found.st_mode):
            entries = list(os.scandir(path))
            names[found.st_ino] = {it.name: (it.inode(), it.is_dir()) for it in entries}
            moments.append(Left(dict(octets), dict(names)))
        else:
            octets[found.st_ino] = path.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", flush)
        yield moments
    for descriptor in open_still:
        os.close(descriptor)
