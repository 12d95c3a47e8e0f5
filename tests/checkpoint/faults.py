"""A disk that refuses: every file operation of Python's, one after the other, and any long write.

An audit hook sees each file that is opened for writing, each folder made, each renaming and each
removal below a folder, in whatever library, and can refuse it. Only what compiled code does
escapes; TensorStore writes the arrays so. A limit of the size of files meets that.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


class Disk:
    """The file operations below one folder, from 1; some of them are refused.

    Args:
        folder: what is below it is meant.

    Attributes:
        operations: what was done, in words.
        refuse: ``number -> errno``, or 0 to let an operation be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.operations: list[str] = []
        self.refuse: Callable[[int], int] = lambda number: 0

    def see(self, event: str, path: Any, folder: int = -1) -> None:
        """Count an operation, by its path or by the descriptor of the folder that it is in."""
        if folder < 0 and not os.fsdecode(path).startswith(self._folder):
            return
        self.operations.append(f"{event} {path}")
        if number := self.refuse(len(self.operations)):
            raise OSError(number, os.strerror(number), str(path))


watched: list[Disk] = []
"""Hooks cannot be taken away, so there is one, which looks here."""


def _hook(event: str, arguments: tuple) -> None:
    if not watched:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            watched[-1].see(event, path)
    elif event in CHANGES:
        watched[-1].see(event, arguments[0], arguments[-1])


sys.addaudithook(_hook)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """See, and perhaps refuse, what is done below a folder.

    Flushing to the disk is seen and left out, as it would take most of the time of a test.
    """

    def flush(descriptor: int) -> None:
        watched[-1].see("fsync", Path(f"/proc/self/fd/{descriptor}").readlink())

    watched.append(Disk(folder))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", flush)
            yield watched[-1]
    finally:
        watched.pop()


@contextmanager
def longest_file(octets: int) -> Iterator[None]:
    """Let no file of this process grow longer, whoever writes it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
