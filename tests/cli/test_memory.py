"""Freed memory stays in the process."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, threading
from bscl_jax.cli._memory import keep_freed_memory

keep_freed_memory()

def use():
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        bytearray(100_000_000)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

faults = []
thread = threading.Thread(target=use)
thread.start()
thread.join()
print(*faults)
"""

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def count_faults(**environment: str) -> list[int]:
    """Return the page faults of using 100 MB of another thread, and of using them once more."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [int(each) for each in done.stdout.split()]


@glibc_only
def test_memory_that_was_freed_is_used_again_without_page_faults():
    first, again = count_faults(GLIBC_TUNABLES="")
    assert again < first / 10


@glibc_only
def test_what_the_user_has_set_is_left_alone():
    first, again = count_faults(GLIBC_TUNABLES="glibc.malloc.trim_threshold=131072")
    assert again == pytest.approx(first, rel=0.1)
