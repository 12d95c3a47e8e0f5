"""Freed memory, of huge pages, stays in the process until much is held."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bscl_jax.cli._memory import memory_limit

FAULTS = """
import resource, sys, threading
from bscl_jax.cli._memory import give_back_if_short, keep_freed_memory

keep_freed_memory()

def use():
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        bytearray(100_000_000)
        give_back_if_short(int(sys.argv[1]))
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

faults = []
thread = threading.Thread(target=use)
thread.start()
thread.join()
print(*faults)
"""

PAGES = 100_000_000 // os.sysconf("SC_PAGE_SIZE")
"""Page faults of 100 MB where no page is huge."""

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_PAGES = SETTING.read_text() if SETTING.exists() else "[never]"

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def count_faults(limit: float = 10**12, code: str = FAULTS, **environment: str) -> list[int]:
    """Return the page faults of using 100 MB in another thread, and of using them once more.

    Args:
        limit: bytes that the process can have.
        code: what is run.
        environment: variables.
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(int(limit))],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [int(each) for each in done.stdout.split()]


@glibc_only
@pytest.mark.skipif("[never]" in HUGE_PAGES, reason="needs huge pages")
def test_large_buffers_lie_on_huge_pages():
    first, _ = count_faults(GLIBC_TUNABLES="")
    assert first < PAGES / 2  # some may be small where memory is in pieces


@glibc_only
def test_a_limit_of_the_process_is_no_hindrance():
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({3e8:.0f},) * 2){FAULTS}"
    first, again = count_faults(code=code, GLIBC_TUNABLES="")
    assert again < first / 10


@glibc_only
def test_memory_that_was_freed_is_used_again_without_page_faults():
    first, again = count_faults(GLIBC_TUNABLES="")
    assert again < first / 10


@glibc_only
def test_what_the_user_has_set_is_left_alone():
    first, again = count_faults(GLIBC_TUNABLES="glibc.malloc.trim_threshold=131072")
    assert again == pytest.approx(first, rel=0.1)


@glibc_only
def test_it_is_given_back_when_more_than_half_of_all_is_held():
    first, again = count_faults(150e6, GLIBC_TUNABLES="")
    assert again == pytest.approx(first if "[always]" in HUGE_PAGES else PAGES, rel=0.1)


def test_the_limit_is_not_above_what_the_machine_has():
    assert 2**28 < memory_limit() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
