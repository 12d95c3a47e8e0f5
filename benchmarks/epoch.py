"""What an epoch of training is made of: order, report, steps, evaluation, and waiting for batches.

    python benchmarks/epoch.py --config configs/stsb/minilm_bsc.yaml

Seconds of the wall, each after a call that compiles: order (embeddings, neighbors, groups), report
of the batches, and evaluation as they are; the steps from ``--steps`` of them, spread over the
epoch. The last lines compare steps as the trainer takes them, the next batches made while one runs,
with steps whose batches were made before, in turns (on a CPU, what the host takes of the cores);
and count those of both that began after the one before had ended, for which the device had waited.
A round that is not counted goes before them.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bscl_jax import assemble, config
from bscl_jax.cli._batches import measure_batches
from bscl_jax.types import PairBatch

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    options = parse()
    road = assemble.lay_road(config.load(options.config, options.set))
    steps = Steps(road, options.steps)
    params, batches = road.state.params, road.num_batches
    seconds = {
        "order": timed(lambda: road.order(params, 1)),
        "report of batches": timed(lambda: measure_batches(road, params, steps.order, 1)),
        "evaluation on dev": timed(lambda: road.evaluate(params, road.task.dev)),
    }
    steps.waited = 0
    rounds = [(steps.made_ahead(), steps.made_before()) for _ in range(options.rounds)]
    ahead, before = (statistics.median(each) for each in zip(*rounds, strict=True))
    seconds |= {"steps": ahead / options.steps * batches}
    total = sum(seconds.values())
    print(f"{batches} batches, {steps.shapes} shapes")
    for what, value in seconds.items():
        print(f"{what:18} {value:8.2f} s {value / total:7.1%}")
    print(f"order beside the steps {seconds['order'] / seconds['steps']:.1%}")
    print(f"a batch is made in {1e3 * steps.seconds_to_make():.1f} ms, a step takes", end=" ")
    print(f"{1e3 * ahead / options.steps:.0f} ms, {ahead / before - 1:+.2%} beside making batches")
    print(f"{steps.waited} of {2 * len(rounds) * options.steps} steps waited for their batch")


class Steps:
    """Steps on batches of an order by example; ``waited`` counts those before which none ran."""

    def __init__(self, road: assemble.Road, count: int) -> None:
        self.road, self.waited = road, 0
        self.order = road.order(road.state.params, 1)
        at = np.linspace(0, road.num_batches - 1, count).astype(int).tolist()
        self.numbers, self.key = at, jax.random.key(0)
        self.batches = [road.batch(self.order, k) for k in at]
        self.state = jax.tree.map(lambda leaf: leaf.copy(), road.state)
        shapes = {assemble.shapes_of(batch): batch for batch in self.batches}
        self.shapes = len(shapes)
        for batch in shapes.values():
            self.step(batch)
        self.made_before()  # the first round touches memory that later ones find

    def step(self, batch: Any) -> Any:
        """Start a step; return its facts."""
        self.state, facts = self.road.step(1)(self.state, batch, self.key)
        return facts

    def made_ahead(self) -> float:
        """Take the steps as the trainer does, batches made while the step before them runs."""
        return self.take(self.in_rows())

    def in_rows(self) -> Iterator[PairBatch]:
        """Make as many batches in a row as the trainer does."""
        for start in range(0, len(self.numbers), self.road.ahead):
            row = self.numbers[start : start + self.road.ahead]
            yield from [self.road.batch(self.order, k) for k in row]

    def made_before(self) -> float:
        """Take the steps on batches that are there."""
        return self.take(iter(self.batches))

    def take(self, batches: Iterator[PairBatch]) -> float:
        """Take a step on each batch; return the seconds of all."""
        begin, running = time.perf_counter(), None
        upcoming = next(batches, None)
        while upcoming is not None:
            self.waited += running is not None and _has_ended(running)
            facts = self.step(upcoming)
            upcoming = next(batches, None)
            if running is not None:
                jax.block_until_ready(running)
            running = facts
        jax.block_until_ready(self.state)
        return time.perf_counter() - begin

    def seconds_to_make(self) -> float:
        """Return the median of the seconds in which a batch is made, while nothing else runs."""
        return statistics.median(
            timed(lambda k=k: self.road.batch(self.order, k), calls=1) for k in self.numbers
        )


def _has_ended(facts: Any) -> bool:
    return all(leaf.is_ready() for leaf in jax.tree.leaves(facts))


def timed(call: Callable[[], Any], calls: int = 2) -> float:
    """Return the seconds of the last of some calls."""
    for _ in range(calls):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        seconds = time.perf_counter() - begin
    return seconds


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = REPOSITORY / "configs" / "stsb" / "minilm_bsc.yaml"
    parser.add_argument("--config", type=Path, default=default)
    parser.add_argument("--set", action="append", default=[], help="overrides of the config")
    parser.add_argument("--steps", type=int, default=16, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
