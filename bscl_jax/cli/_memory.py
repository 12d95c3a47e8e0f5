"""Memory that one training step frees, kept for the next."""

import ctypes
import os
import platform

SETTINGS = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1)}
"""Parameters of glibc's ``mallopt`` by their names in ``malloc.h``: number and value."""


def keep_freed_memory() -> None:
    """Take all memory of this process from one heap that only grows, where glibc is its library.

    On a CPU, XLA frees a step's buffers at its end. glibc would return these to the system, which
    clears them page by page when the next step asks: a sixth of the time of a small step.

    Must be called before there are other threads, which have heaps too small for such buffers. What
    the user has set by ``GLIBC_TUNABLES`` is left alone.
    """
    if platform.libc_ver()[0] != "glibc" or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    mallopt = ctypes.CDLL(None).mallopt
    for number, value in SETTINGS.values():
        mallopt(number, value)
