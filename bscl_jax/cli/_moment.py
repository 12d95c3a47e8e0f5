"""Where a run stood before one of its steps."""

import math
from typing import Any, NamedTuple

import jax

from bscl_jax import assemble, checkpoint, training
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.types import PairBatch


class Moment(NamedTuple):
    """What a step is about to be taken with.

    Attributes:
        epoch: its epoch, from 1.
        state: parameters and optimizer before it.
        batch: its pairs.
        key: of the dropout, before the step's number is folded in.
    """

    epoch: int
    state: training.State
    batch: PairBatch
    key: Any


class Reached(Exception):  # noqa: N818  (no error: the step was found)
    """The run has come to the step that is looked for."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment


def go_to(step: int, config: configs.Config, folder: RunFolder, road: assemble.Road) -> Moment:
    """Train from the newest whole checkpoint before a step up to it, and change nothing.

    Raises:
        RunError: the run has no such step.
    """

    def step_of(epoch: int) -> training.Step:
        def take(state: training.State, batch: PairBatch, key: Any) -> Any:
            if int(state.step) == step - 1:
                raise Reached(Moment(epoch, state, batch, key))
            return road.step(epoch)(state, batch, key)

        return take

    num_epochs = road.stages[-1].epochs[-1]
    try:
        training.train(
            road.state,
            step_of,
            key=jax.random.key(config.run.seed),
            num_epochs=num_epochs,
            num_batches=road.num_batches,
            order=road.order,
            batch=road.batch,
            evaluate=lambda params: {config.evaluation.measure: math.nan},
            measure=config.evaluation.measure,
            begin=road.begin,
            save=lambda *_: None,
            resume=restore_before(step, folder, road),
            max_skips=step,
        )
    except Reached as reached:
        return reached.moment
    last = num_epochs * road.num_batches
    raise RunError(f"--step must be at most {last}, the last step of the run, was {step}")


def restore_before(
    step: int, folder: RunFolder, road: assemble.Road
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the newest whole checkpoint before a step; None where the run is to start anew."""
    target = training.make_target(road.state, len(road.task.train.queries))
    with checkpoint.Checkpoints(folder.checkpoints) as checkpoints:
        for saved in checkpoints.steps()[::-1]:
            if saved < step and not checkpoints.verify(saved):
                return checkpoints.restore(target, saved)
    return None
