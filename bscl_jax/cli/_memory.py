"""Memory that one training step frees, kept for the next."""

import ctypes
import mmap
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

KEEPING = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1)}
"""Parameters of glibc's ``mallopt`` by their names in ``malloc.h``: number and value."""

AS_EVER = {"M_MMAP_MAX": (-4, 65536), "M_TRIM_THRESHOLD": (-1, 128 * 1024)}
"""What they are otherwise."""

MOST = 0.5
"""The share of the memory that may be held before what is free of it is given back."""

HUGE_PAGE = 1 << 21
"""Bytes of a huge page, on x86-64 and, with pages of 4 KiB, on ARM."""


def keep_freed_memory() -> None:
    """Take all memory of this process from one heap that only grows, where glibc is its library.

    On a CPU, XLA frees a step's buffers at its end. glibc would return these to the system, which
    clears them page by page when the next step asks: a sixth of the time of a small step. The heap
    is of huge pages where the system has them for those who ask: a buffer of many small ones costs
    more to find than to read, on a virtual machine above all.

    Must be called before there are other threads, which have heaps too small for such buffers. What
    the user has set by ``GLIBC_TUNABLES`` is left alone.
    """
    if _set(KEEPING):
        _ask_for_huge_pages(int(MOST * memory_limit()))


def give_back_if_short(limit: int | None = None) -> None:
    """Return to glibc's own ways, and what is free to the system, where much memory is held.

    In one heap a large buffer may miss the place that it had, by a little that came between, and
    take another: half as much again is held, and more.

    Args:
        limit: bytes that this process can have; None is what machine and container allow.
    """
    held = _resident()
    if held and held > MOST * (memory_limit() if limit is None else limit) and _set(AS_EVER):
        ctypes.CDLL(None).malloc_trim(0)


def memory_limit() -> int:
    """Return the bytes that the machine has, or that its container or this process may use."""
    import resource  # not everywhere

    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY:
        limit = min(limit, allowed)
    with suppress(OSError, ValueError):  # no container, or "max"
        limit = min(limit, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return limit


def _resident() -> int:
    """Return the bytes that this process holds; 0 where that is not to be known."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _ask_for_huge_pages(size: int) -> None:
    """Let the heap grow by as many bytes, none of which is touched, and these be of huge pages.

    Where so many are not allowed, or the system has no huge pages, nothing changes.
    """
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    start = library.malloc(ctypes.c_size_t(size))
    if start:
        first = -(-start // HUGE_PAGE) * HUGE_PAGE
        length = ctypes.c_size_t(start + size - first)
        library.madvise(ctypes.c_void_p(first), length, mmap.MADV_HUGEPAGE)
        library.free(ctypes.c_void_p(start))


def _set(parameters: Mapping[str, tuple[int, int]]) -> bool:
    """Set parameters of the allocator, unless it is not glibc's or the user has; say whether."""
    own = "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if own or platform.libc_ver()[0] != "glibc":
        return False
    for number, value in parameters.values():
        ctypes.CDLL(None).mallopt(number, value)
    return True
