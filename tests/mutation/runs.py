"""Tests against mutants: what is heavy is imported once, and each mutant gets a fork of that."""

import importlib
import math
import os
import shutil
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.mutation.mutants import Mutant

COPIED = ("bscl_jax", "tests", "pyproject.toml")
POLL_SECONDS = 0.05
OPTIONS = ("-x", "-q", "-n0", "-p", "no:cacheprovider", "--tb=short")
OPTIONS += ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # plugins are imported already


class Run(NamedTuple):
    """A process that tests a copy of the repository.

    Attributes:
        job: number of what it was started for.
        copy: where it runs.
        begun: when, in seconds of ``time.monotonic``.
        limit: most seconds that it may take.
    """

    job: int
    copy: Path
    begun: float
    limit: float


def prepare(modules: Iterable[str]) -> None:
    """Imports pytest's plugins, and what the tests are going to need and is not under test.

    Nothing of it may start jax's backend: its threads would not survive a fork.
    """
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.dont_write_bytecode = True  # a mutant may be as long as another, and of the same second
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    for name in modules:
        importlib.import_module(name)


def make_copies(root: Path, folder: Path, number: int) -> list[Path]:
    """Copies the repository, once for each process that tests; all share its compiled programs."""
    copies = [folder / f"copy-{place}" for place in range(number)]
    (root / ".jax_cache").mkdir(exist_ok=True)
    for copy in copies:
        for name in COPIED:
            if (root / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(root / name, copy / name, ignore=ignored)
            else:
                shutil.copy(root / name, copy / name)
        (copy / ".jax_cache").symlink_to(root / ".jax_cache")
    return copies


def seconds_without_mistake(
    tests: Iterable[tuple[str, ...]], copies: Sequence[Path]
) -> dict[tuple[str, ...], float]:
    """Returns how long each of several lists of tests takes where there is no mistake.

    Raises:
        RuntimeError: tests fail without any mistake.
    """
    listed = list(tests)
    seconds = {}
    for number, passed, took in _all(listed, [math.inf] * len(listed), copies, lambda *_: None):
        if not passed:
            raise RuntimeError(f"fails without any mistake: pytest {' '.join(listed[number])}")
        seconds[listed[number]] = took
    return seconds


def outcomes(
    mutants: Sequence[Mutant],
    tests: Sequence[tuple[str, ...]],
    limits: Sequence[float],
    copies: Sequence[Path],
) -> Iterator[tuple[Mutant, bool]]:
    """Yields each mutant with whether it was killed, as they come.

    Args:
        mutants: what is tested.
        tests: of each, the likeliest to notice first.
        limits: most seconds of each; a mutant that takes longer hangs, and is killed.
        copies: copies of the repository, of which each serves one mutant at a time.
    """
    originals = {each.file: (copies[0] / each.file).read_bytes() for each in mutants}

    def put(copy: Path, number: int) -> None:
        for file, octets in originals.items():
            (copy / file).write_bytes(octets)
        (copy / mutants[number].file).write_text(mutants[number].source, encoding="utf-8")

    for number, passed, _ in _all(tests, limits, copies, put):
        yield mutants[number], not passed


def _all(
    tests: Sequence[tuple[str, ...]],
    limits: Sequence[float],
    copies: Sequence[Path],
    put: Callable[[Path, int], None],
) -> Iterator[tuple[int, bool, float]]:
    """Runs each list of tests in a free copy; yields its number, if it passed, and its seconds."""
    waiting, free, running = deque(range(len(tests))), list(copies), dict[int, Run]()
    while waiting or running:
        while waiting and free:
            number, copy = waiting.popleft(), free.pop()
            put(copy, number)
            running[_fork(copy, tests[number])] = Run(
                number, copy, time.monotonic(), limits[number]
            )
        time.sleep(POLL_SECONDS)
        for process, run in list(running.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            took = time.monotonic() - run.begun
            if not ended and took < run.limit:
                continue
            if not ended:
                os.killpg(process, signal.SIGKILL)  # and what it started
                _, status = os.waitpid(process, 0)
            del running[process]
            free.append(run.copy)
            yield run.job, status == 0, took


def _fork(copy: Path, tests: Sequence[str]) -> int:
    """Starts pytest in a process and a process group of its own; its output goes to a log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax warns of its threads, of which none has started
        process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.setsid()
        with copy.with_suffix(".log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(copy)
        sys.path[0] = str(copy)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(copy), os.environ.get("PYTHONPATH")])
        )
        for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
            del sys.modules[name]
        status = pytest.main([*OPTIONS, f"--basetemp={copy}.tmp", *tests])
    finally:
        os._exit(int(status))
