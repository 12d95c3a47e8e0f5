"""Run the cases of a group in as few processes as can be: one, and one more for each that it loses.

A process writes a line when a case begins and a line with its result, and is watched from here.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from device_plan import Case

NO_TIME = "no time was left"
LEAST_SECONDS = 3.0  # with less left nothing is begun
LAST_SECONDS = 10.0  # for a process that has done everything to end
MOST_LOST = 2
"""Processes lost to one family of cases, such as those of one attention; the rest is left out."""


def measure_group(
    group: str,
    cases: list[Case],
    *,
    known: list[Case],
    folder: Path,
    end: float,
    add: Callable[[Case], None],
) -> None:
    """Measure a group until ``end``, in seconds since the epoch.

    Args:
        group: its name; with torch in it, JAX is kept on the CPU.
        cases: in the order to measure them.
        known: what has been measured before.
        folder: where the processes leave files for each other.
        end: nothing goes on beyond it.
        add: is given each case as soon as it is known, with a ``note`` where it has no result.
    """
    left = list(cases)
    lost: Counter[str] = Counter()
    done = list(known)

    def finish(result: Case) -> None:
        left.remove(next(case for case in left if case["label"] == result["label"]))
        done.append(result)
        add(result)

    while left:
        if end - time.time() < LEAST_SECONDS:
            finish({**left[0], "note": NO_TIME})
        elif lost[_family(left[0])] >= MOST_LOST:
            finish({**left[0], "note": f"left out, {MOST_LOST} of its kind have lost a process"})
        else:
            cases = [case for case in left if lost[_family(case)] < MOST_LOST]
            job = {"cases": cases, "done": done, "end": end}
            (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
            with _Process(folder, _environment(group, folder)) as process:
                failed = _follow(process, cases, end, finish)
            if failed is not None:
                lost[_family(failed)] += 1
                finish(failed)


def _family(case: Case) -> str:
    return str(case.get("attention") or case.get("name") or case["kind"])


def _follow(
    process: "_Process", cases: list[Case], end: float, finish: Callable[[Case], None]
) -> Case | None:
    """Hand on what a process finds; return the case that it was lost with, if it was."""
    begun: Case | None = cases[0]  # it imports what it needs within its first case
    begin, waiting = time.time(), {case["label"]: case for case in cases}
    while waiting:
        limit = begin + (begun["limit"] if begun else LAST_SECONDS)
        try:
            line = process.lines.get(timeout=max(0.0, min(limit, end) - time.time()))
        except queue.Empty:
            seconds = time.time() - begin
            return begun and {**begun, "note": f"stopped after {seconds:.0f} s"}
        if line is None:
            return begun and {**begun, "note": process.describe_end()}
        said = json.loads(line)
        if "begin" in said:
            begun = waiting[said["begin"]]
        else:
            begun = None
            del waiting[said["result"]["label"]]
            finish(said["result"])
        begin = time.time()
    process.wait()
    return None


class _Process:
    """A process that measures, and the lines that it writes; killed with all its own at the end."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        script = Path(__file__).with_name("device.py")
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._errors = folder / "errors"
        with self._errors.open("w") as errors:
            self._popen = subprocess.Popen(
                [sys.executable, str(script), "--job", str(folder)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(LAST_SECONDS)

    def describe_end(self) -> str:
        self.wait()
        last = self._errors.read_text(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"ended with status {self._popen.poll()}", *last])[:400]

    def _read(self) -> None:
        for line in self._popen.stdout or ():
            if line.startswith("{"):
                self.lines.put(line)
        self.lines.put(None)


def _environment(group: str, folder: Path) -> dict[str, str]:
    wanted = {
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92",
        "TOKENIZERS_PARALLELISM": "true",
        "HF_HUB_OFFLINE": "1",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        **os.environ,
    }
    # Where torch measures, JAX makes the weights and should not take the memory.
    return {**wanted, "JAX_PLATFORMS": "cpu"} if "torch" in group else wanted
