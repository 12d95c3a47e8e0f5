"""Who takes part in ``training.py``: our steps here, peers' in processes of their own."""

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from bscl_jax import assemble, config
from bscl_jax.types import PairBatch


class Contender(Protocol):
    """Something that trains.

    Attributes:
        facts: its ``loss`` of the first batch without dropout, and what else there is to say.
    """

    facts: dict[str, Any]

    def run(self, steps: int) -> dict[str, float]:
        """Take so many steps on the batches that follow; return seconds, and what else is known."""
        ...


class Ours:
    """Steps of the trainer, as a config lays them, on the pairs in the order of their file."""

    def __init__(self, path: Path, overrides: Sequence[str], steps: int) -> None:
        self._road = assemble.lay_road(config.load(path, overrides))
        self._order = np.arange(len(self._road.task.train.queries))
        self._state, self._key, self._next = self._road.state, jax.random.key(0), 1
        gradient, batch = self._road.gradient(1), self._batch(0)
        self.facts = {"loss": float(jax.jit(lambda *x: gradient(*x, None)[0])(self._state, batch))}
        shapes = {}
        for k in range(steps):
            shapes.setdefault(assemble.shapes_of(batch := self._batch(k)), batch)
        for batch in shapes.values():
            jax.block_until_ready(self._begin_step(batch))
        self.facts["shapes"] = sorted(
            [tokens.ids.shape for tokens in texts_of(batch)] for batch in shapes.values()
        )

    def _batch(self, k: int) -> PairBatch:
        """Return a batch, from the beginning again when the epoch is over."""
        return self._road.batch(self._order, k % self._road.num_batches)

    def _begin_step(self, batch: PairBatch) -> Any:
        self._state, facts = self._road.step(1)(self._state, batch, self._key)
        return facts

    def run(self, steps: int) -> dict[str, float]:
        """Take steps as the trainer does: one may run while the next batches are made and begun."""
        ahead, real, computed, running = 0.0, 0, 0, None
        batches = range(self._next, self._next + steps)
        upcoming: list[PairBatch] = []
        wall, processor = time.perf_counter(), time.process_time()
        for k in batches:
            if not upcoming:
                begin = time.perf_counter()
                upcoming = [self._batch(j) for j in range(k, batches.stop)[: self._road.ahead]]
                ahead += time.perf_counter() - begin
            begun = self._begin_step(upcoming.pop(0))
            jax.block_until_ready(running)
            running = begun
        jax.block_until_ready(self._state)
        seconds = {
            "wall s": time.perf_counter() - wall,
            "processor s": time.process_time() - processor,
        }
        self._next += steps
        for k in batches:
            for tokens in texts_of(self._batch(k)):
                real, computed = real + int(tokens.mask.sum()), computed + tokens.mask.size
        return seconds | {"ahead s": ahead, "real": real / computed}


class Peer:
    """Another library's steps, in a Python that has it: see ``training_pace.py``."""

    def __init__(self, python: str, script: str, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [python, Path(__file__).parent / script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._name = script
        self.facts = self._answer()

    def run(self, steps: int) -> dict[str, float]:
        """Ask for steps and wait."""
        assert self._process.stdin
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ask for no more, and wait until it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._name} has ended; what it wrote is above")
        return json.loads(line)


def texts_of(batch: PairBatch) -> list[Any]:
    """Return the token batches that a step encodes."""
    return [batch.packed] if batch.packed is not None else [batch.queries, batch.targets]
