"""How a peer of ``training.py`` is asked for steps, in a Python without this package."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TRIALS = 3
"""Steps by which a setting is judged, of which the fastest counts."""


class Pace:
    """Lets steps be taken in rounds, over standard input and output.

    After the first step, which belongs to no round, it tells the facts that it was given; then it
    reads how many steps a round has, and after the last of them tells the seconds they took.
    """

    def __init__(self, **facts: Any) -> None:
        self._facts, self._left = facts, 1
        self._answers = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)  # what a library prints must not end up among the answers

    def after_step(self) -> bool:
        """Count a finished step, wait where a round is over; False when no more is asked for."""
        self._left -= 1
        if self._left:
            return True
        self._answers.write(json.dumps(self._facts or self._seconds()) + "\n")
        self._facts = {}
        line = sys.stdin.readline()
        self._left = int(line or 0)
        self._began = time.perf_counter(), time.process_time()
        return self._left > 0

    def _seconds(self) -> dict[str, float]:
        wall, processor = self._began
        return {
            "wall s": time.perf_counter() - wall,
            "processor s": time.process_time() - processor,
        }


def try_settings(make: Mapping[str, Callable[[], Callable[[], Any]]]) -> dict[str, float]:
    """Return for each setting, of which each makes a step, the least seconds that it takes."""
    return {setting: _least(making()) for setting, making in make.items()}


def _least(step: Callable[[], Any]) -> float:
    step()  # compiles, or warms up
    seconds = []
    for _ in range(TRIALS):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def read_pairs(folder: Path) -> list[dict[str, str]]:
    """Return the pairs, each with its ``query`` and ``target``."""
    with (folder / "pairs.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
