"""All contenders at one size after the other: who may enter, who is right, who is fast."""

import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from losses_contenders import PROBED_ROWS, TEMPERATURE
from losses_process import Process
from losses_reference import reference

LOSS_TOLERANCE = 1e-5  # relative
GRADIENT_TOLERANCE = 1e-4  # relative, of the probed rows
FEWEST_RUNS = 3
SMALL = 4096  # beyond, settings are kept and the first contender is the others' reference


@dataclass
class Case:
    """One contender at one size; ``note`` is why it was not run.

    ``compiled_bytes`` is what the compiler planned and ``peak_bytes`` what was measured, both
    besides the embeddings and with the gradients. ``quartiles`` are lower, median, upper.
    """

    contender: str
    label: str
    n: int
    saves_memory: bool
    knob: str | None = None
    setting: int | None = None
    seconds: list[float] = field(default_factory=list)
    quartiles: list[float] | None = None
    compiled_bytes: int | None = None
    peak_bytes: int | None = None
    loss: float | None = None
    agrees: bool | None = None
    note: str | None = None


@dataclass
class Limits:
    """What one case may take: its time, all its runs together, and its memory."""

    seconds: float
    bytes: float
    repeats: int


@dataclass
class _Entry:
    process: Process
    case: Case
    settings: list[int | None]
    planned: dict[int | None, int | None] = field(default_factory=dict)

    def ask(self, command: str, limit: float, **question: object) -> dict:
        """Asks about the case as it is set; a failure is written down and ends it."""
        if self.case.note is not None:
            return {}
        about = {"contender": self.case.contender, "setting": self.case.setting}
        answer = self.process.ask(command, limit, {**about, **question})
        self.case.note = answer.get("error")
        return answer


class Contest:
    """Sizes are to come in rising order: each one tells what the next will take."""

    def __init__(self, processes: list[Process], limits: Limits, dimension: int, seed: int) -> None:
        self._processes = processes
        self._limits = limits
        self._dimension = dimension
        self._seed = seed
        self._last: dict[str, Case] = {}

    def size(self, n: int) -> list[Case]:
        """Returns every contender's case at n pairs."""
        entries = [
            self._entry(n, process, name, facts)
            for process in self._processes
            for name, facts in process.contenders.items()
        ]
        for entry in entries:
            self._compile(entry)
            entry.case.note = entry.case.note or self._too_big(entry)
        running = [entry for entry in entries if entry.case.note is None]
        if running:
            self._warm_up(running, self._load(n, running))
            self._take_turns([entry for entry in running if entry.case.note is None])
        for process in self._processes:
            process.ask("forget")
        self._last |= {entry.case.contender: entry.case for entry in entries if entry.case.seconds}
        return [entry.case for entry in entries]

    def _entry(self, n: int, process: Process, name: str, facts: dict) -> _Entry:
        case = Case(name, facts["label"], n, facts["saves_memory"], facts["knob"])
        settings, last = facts["settings"], self._last.get(name)
        tried: list[int | None]
        if not settings:
            tried = [None]
        elif last is not None and n > SMALL:
            tried = [last.setting]
        else:
            tried = [setting for setting in settings if setting <= n] or settings[:1]
        return _Entry(process, case, tried)

    def _compile(self, entry: _Entry) -> None:
        case = entry.case
        for case.setting in entry.settings:
            answer = entry.ask("compile", self._limits.seconds, n=case.n, d=self._dimension)
            entry.planned[case.setting] = answer.get("compiled_bytes")
        known = [size for size in entry.planned.values() if size is not None]
        case.compiled_bytes = min(known, default=None)

    def _too_big(self, entry: _Entry) -> str | None:
        """Judges by the compiler's plan and by what the last size took."""
        case, last = entry.case, self._last.get(entry.case.contender)
        needed = case.compiled_bytes
        if needed is None and last is not None:
            power = 1 if case.saves_memory else 2
            needed = (last.peak_bytes or 0) * (case.n / last.n) ** power
        if needed is not None and needed > self._limits.bytes:
            return f"needs about {needed / 2**30:.0f} GiB, limit {self._limits.bytes / 2**30:.0f}"
        if last is None or last.quartiles is None:
            return None
        runs = len(entry.settings) * _warm_ups(case.n) + FEWEST_RUNS
        expected = last.quartiles[1] * (case.n / last.n) ** 2 * runs
        if expected > self._limits.seconds:
            return (
                f"{runs} runs would take about {expected:.0f} s, limit {self._limits.seconds:.0f}"
            )
        return None

    def _load(self, n: int, running: list[_Entry]) -> tuple[float, np.ndarray] | None:
        """Hands out the embeddings; returns what is right, where the size allows it."""
        generator = np.random.default_rng(self._seed)
        queries = generator.standard_normal((n, self._dimension), dtype=np.float32)
        noise = generator.standard_normal((n, self._dimension), dtype=np.float32)
        # Pairs at a cosine of about 0.24: the loss is neither near 0 nor near log N.
        targets = noise + 0.25 * queries
        with tempfile.TemporaryDirectory() as folder:
            paths = {side: str(Path(folder, side + ".npy")) for side in ("queries", "targets")}
            np.save(paths["queries"], queries)
            np.save(paths["targets"], targets)
            for process in {id(entry.process): entry.process for entry in running}.values():
                process.ask("load", question=paths)
        if n > SMALL:
            return None
        return reference(queries, targets, TEMPERATURE, PROBED_ROWS)

    def _warm_up(self, running: list[_Entry], right: tuple[float, np.ndarray] | None) -> None:
        """Tries each setting and keeps the fastest; measures memory; compares the results."""
        for entry in running:
            case, trials = entry.case, []
            for case.setting in entry.settings:
                for _ in range(_warm_ups(case.n) - 1):
                    entry.ask("run", self._limits.seconds, watch=False)
                answer = entry.ask("run", self._limits.seconds, watch=True)
                trials.append((case.setting, answer))
            if case.note is not None:
                continue
            case.setting, answer = min(trials, key=lambda trial: trial[1]["seconds"])
            case.compiled_bytes = entry.planned[case.setting]
            case.peak_bytes, case.loss = answer["peak_bytes"], answer["loss"]
            found = answer["loss"], np.array(answer["probe"])
            right = right or found
            case.agrees = _agree(right, found)

    def _take_turns(self, running: list[_Entry]) -> None:
        for turn in range(self._limits.repeats):
            first = turn % len(running)
            for entry in running[first:] + running[:first]:
                seconds = entry.case.seconds
                if turn >= FEWEST_RUNS and sum(seconds) * (turn + 1) / turn > self._limits.seconds:
                    continue
                answer = entry.ask("run", self._limits.seconds, watch=False)
                if entry.case.note is None:
                    seconds.append(answer["seconds"])
        for entry in running:
            seconds = entry.case.seconds
            if len(seconds) > 1:
                entry.case.quartiles = statistics.quantiles(seconds, n=4, method="inclusive")
            elif seconds:
                entry.case.quartiles = seconds * 3


def _warm_ups(n: int) -> int:
    """Runs before the timed ones: a library's very first call tells little about the others."""
    return 2 if n <= SMALL else 1


def _agree(right: tuple[float, np.ndarray], found: tuple[float, np.ndarray]) -> bool:
    loss = abs(found[0] - right[0]) / abs(right[0])
    gradient = np.linalg.norm(found[1].ravel() - right[1].ravel()) / np.linalg.norm(right[1])
    return bool(loss <= LOSS_TOLERANCE and gradient <= GRADIENT_TOLERANCE)
