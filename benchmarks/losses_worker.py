"""One library in a process of its own, asked over its standard input and output.

Every line that comes in is a JSON object with a ``command``, every line that goes out its answer:
``hello``, ``rate``, ``compile``, ``load``, ``run``. ``losses.py`` starts these processes.
"""

import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from losses_contenders import LIBRARIES, Compiled, Library


class Worker:
    """Holds one size's data and what was compiled for it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._compiled: dict[tuple[str, int | None], Compiled] = {}
        self._data: tuple[Any, Any] | None = None

    def hello(self) -> dict:
        """Says what there is to measure."""
        contenders = {
            name: {
                "label": contender.label,
                "saves_memory": contender.saves_memory,
                "knob": contender.knob,
                "settings": contender.settings,
            }
            for name, contender in self._library.contenders.items()
        }
        return {
            "device": self._library.device,
            "versions": self._library.versions,
            "contenders": contenders,
        }

    def rate(self) -> dict:
        """Measures a plain matrix product."""
        rate = self._library.matmul_rate
        return {"flops_per_second": rate() if rate else None}

    def compile(self, contender: str, n: int, d: int, setting: int | None) -> dict:
        """Makes a contender ready for a size, without data."""
        compiled = self._library.contenders[contender].compile(n, d, setting)
        self._compiled[contender, setting] = compiled
        return {"compiled_bytes": compiled.bytes}

    def load(self, queries: str, targets: str) -> dict:
        """Puts a size's embeddings on the device."""
        place = self._library.place
        self._data = place(np.load(queries)), place(np.load(targets))
        return {}

    def forget(self) -> dict:
        """Drops one size's data and programs."""
        self._data, self._compiled = None, {}
        return {}

    def run(self, contender: str, setting: int | None, watch: bool) -> dict:
        """Runs once; ``watch`` measures the memory, which costs the run its warm heap."""
        if self._data is None:
            raise RuntimeError("nothing is loaded")
        compiled = self._compiled[contender, setting]
        before = _start_watching(self._library) if watch else None
        begin = time.perf_counter()
        results = compiled.call(*self._data)
        seconds = time.perf_counter() - begin
        peak = _peak(self._library, before)
        loss, probe = compiled.read(results)
        probe = probe.astype(np.float64).ravel().tolist()
        return {"seconds": seconds, "loss": loss, "probe": probe, "peak_bytes": peak}


def _start_watching(library: Library) -> int | None:
    """Returns the bytes in use, after setting the high-water mark to them."""
    if library.reset_peak and library.peak:
        library.reset_peak()
        return library.peak()
    if library.device != "cpu":
        return None  # the compiler's plan is all there is
    try:
        # Blocks that an earlier run has freed would hide what this one takes.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None  # not Linux
    return _resident("VmRSS")


def _peak(library: Library, before: int | None) -> int | None:
    if before is None:
        return None
    return (library.peak() if library.peak else _resident("VmHWM")) - before


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def _use_cores(threads: int) -> None:
    """Every library gets the same cores, whatever it makes of them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    _use_cores(threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not end up among the answers
    worker = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            worker = worker or Worker(LIBRARIES[name](threads))
            answer = getattr(worker, question.pop("command"))(**question)
        except Exception as error:
            reason = str(error).strip().splitlines() or [""]
            answer = {"error": f"{type(error).__name__}: {reason[0]}"[:300]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
