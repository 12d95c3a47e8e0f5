"""A run that is interrupted everywhere, and goes on each time with everything laid anew.

One run is never interrupted; what it saves after each step is looked at. The other is interrupted
before the first step and after every step, inside every order and inside every evaluation, that
before training too, and what it leaves each time must be what the first one saved there, bit for
bit: the evaluations so far and the best of them among it. As each life begins with nothing but such
a checkpoint and the log, this holds for one interruption at any of the steps too.
"""

from pathlib import Path
from typing import Any

import jax
import pytest

from bscl_jax import assemble, checkpoint, config, reporting, training
from tests.end_to_end import tiny
from tests.end_to_end.test_stages import STAGES

RANDOM, CACHED = "shuffling={kind: random}", "training.chunk_size=4"
LONG = ("training.batch_size=3", "training.epochs=25")
"""25 epochs of 8 batches, the last of each filled up: 200 steps."""
SHORT_RUNS = {"all at once": (CACHED, tiny.HARD), "two stages": STAGES}
LONG_RUNS = {
    "200 steps": (RANDOM, *LONG),
    "200 steps, GradCache": (RANDOM, CACHED, *LONG),
    "200 steps, order by example": LONG,
    "200 steps, hard negatives": (tiny.HARD, *LONG),
    "208 steps, two stages": (*STAGES, *LONG, "training.epochs=13"),
}


class Interruptions:
    """Interrupts a run at each point at which it has not been interrupted yet."""

    def __init__(self) -> None:
        self.points: list[tuple[str, int]] = []
        self.step = 0

    def stop(self) -> bool:
        """Ask to stop, after each step once."""
        return self._is_new("step")

    def inside(self, callback: str) -> None:
        """Interrupt a callback the first time that it is called after a step."""
        if self._is_new(callback):
            raise training.Interrupted

    def counted(self, step: training.Step) -> training.Step:
        """Make a step count."""

        def count(*arguments: Any) -> Any:
            self.step += 1
            return step(*arguments)

        return count

    def _is_new(self, what: str) -> bool:
        new = (what, self.step) not in self.points
        self.points += [(what, self.step)] * new
        return new


class Never(Interruptions):
    """Lets the run go through."""

    def _is_new(self, what: str) -> bool:
        return False


class Life:
    """One process's part of a run, within this process.

    Attributes:
        left: step, score, facts and checksums of each checkpoint, after it was saved.
    """

    def __init__(self, settings: config.Config, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.left: list[dict[str, Any]] = []

    def live(self, interruptions: Interruptions, save_every: int | None) -> training.Outcome:
        """Lay the road, go on from the newest checkpoint if there is one, and train."""
        road = assemble.lay_road(self.settings)
        log = reporting.MetricsLog(self.folder / "metrics.jsonl")

        def order(params: Any, epoch: int) -> Any:
            interruptions.inside("order")
            return road.order(params, epoch)

        def evaluate(params: Any) -> dict[str, float]:
            interruptions.inside("evaluate")
            return road.evaluate(params, road.task.dev)

        with checkpoint.Checkpoints(self.folder / "checkpoints") as checkpoints:

            def save(*arguments: Any) -> None:
                checkpoints.save(*arguments)
                checkpoints.wait()
                self.left.append(tiny.newest_checkpoint(self.folder))

            target = training.make_target(road.state, len(road.task.train.queries))
            resume = checkpoints.restore(target) if checkpoints.steps() else None
            interruptions.step = resume[1]["step"] if resume else 0
            baseline = None if resume else evaluate(road.state.params)
            return training.train(
                road.state,
                lambda epoch: interruptions.counted(road.step(epoch)),
                key=jax.random.key(self.settings.run.seed),
                num_epochs=road.stages[-1].epochs[-1],
                num_batches=road.num_batches,
                order=order,
                batch=road.batch,
                evaluate=evaluate,
                measure=self.settings.evaluation.measure,
                begin=road.begin,
                save=save,
                save_every=save_every,
                baseline=baseline,
                resume=resume,
                log=log.write,
                rewind=log.cut,
                stop=interruptions.stop,
            )


@pytest.mark.parametrize(
    "name", [*SHORT_RUNS, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG_RUNS)]
)
def test_a_run_interrupted_everywhere_and_resumed_equals_one_that_was_not(
    name: str, tmp_path: Path
) -> None:
    settings = config.load(tiny.write_hard(tmp_path), (SHORT_RUNS | LONG_RUNS)[name])
    whole, broken = (Life(settings, tmp_path / which) for which in ("whole", "broken"))
    with tiny.shared_step(name, stages=len(settings.stages) or 1):
        expected = whole.live(Never(), save_every=1)
        interruptions, outcome = Interruptions(), None
        while outcome is None:
            try:
                outcome = broken.live(interruptions, save_every=None)
            except training.Interrupted:
                continue
    num_steps = int(expected.state.step)
    assert {step for what, step in interruptions.points if what == "step"} == {
        *range(num_steps + 1)
    }
    saved = {(it["step"], it["facts"]["evaluated"]): it for it in whole.left}
    for left in broken.left:
        assert left == saved[left["step"], left["facts"]["evaluated"]]
    assert {left["step"] for left in broken.left} == {*range(num_steps + 1)}
    assert (outcome.best, outcome.evaluations) == (expected.best, expected.evaluations)
    logs = [(each.folder / "metrics.jsonl").read_bytes() for each in (broken, whole)]
    assert logs[0] == logs[1]
    assert tiny.newest_checkpoint(broken.folder) == tiny.newest_checkpoint(whole.folder)
