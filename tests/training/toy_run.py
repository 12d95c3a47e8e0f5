"""A whole small run: 3 epochs of 4 batches with everything that a resume could get wrong.

The last epoch is a stage of its own: another loss, no dropout, and the optimizer begins anew.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np

from bscl_jax import checkpoint, parallel, training
from bscl_jax.types import PairBatch
from tests.gradients import toy

ROWS, BATCH_SIZE, NUM_EPOCHS = 16, 4, 3
NUM_BATCHES = ROWS // BATCH_SIZE
NUM_STEPS = NUM_EPOCHS * NUM_BATCHES
SECOND_STAGE = 3
MESH_SIZE = 2
SAVE_EVERY = 3


@cache
def compiled(stage: int = 1) -> tuple:
    """Mesh, and optimizer and step of a stage, compiled once for all tests."""
    mesh = parallel.make_mesh(MESH_SIZE)
    optimizer = training.make_optimizer(
        num_steps=NUM_BATCHES * (SECOND_STAGE - 1 if stage == 1 else 1),
        learning_rate=0.05,
        bias_correction=stage == 2,
    )
    loss = toy.loss if stage == 1 else second_loss
    return mesh, optimizer, training.make_step(toy.encode, loss, optimizer, mesh=mesh)


def second_loss(*arguments: Any) -> jax.Array:
    return toy.loss(*arguments) ** 2


def step_of(epoch: int) -> training.Step:
    if epoch < SECOND_STAGE:
        return compiled()[2]
    return lambda state, batch, key: compiled(2)[2](state, batch, None)


def begin(state: training.State, epoch: int) -> training.State:
    if epoch != SECOND_STAGE:
        return state
    mesh, optimizer, _ = compiled(2)
    return training.restart_optimizer(state, optimizer, mesh=mesh)


def init_state() -> training.State:
    mesh, optimizer, _ = compiled()
    return training.init_state(toy.make_params(dtype=np.float32), optimizer, mesh=mesh)


def order(params: dict, epoch: int) -> np.ndarray:
    """An order that depends on the weights, so that it cannot be computed again in mid-epoch."""
    table = np.asarray(params["encoder"]["table"])
    return np.argsort(np.sin(1e4 * epoch * table[:ROWS, 0]))


def batch(rows: np.ndarray, k: int) -> PairBatch:
    data = toy.make_batch(ROWS, dtype=np.float32)
    chosen = rows[k * BATCH_SIZE : (k + 1) * BATCH_SIZE]
    return parallel.place(jax.tree.map(lambda leaf: leaf[chosen], data), compiled()[0])


def evaluate(params: dict) -> dict[str, float]:
    """A score that depends on the weights and is not the best at the end."""
    return {"toy/score": float(np.sin(20 * np.asarray(params["encoder"]["kernel"])[0, 0]))}


class Log:
    """A log file's lines, with the cut that a resume makes."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def write(self, record: dict) -> None:
        self.lines.append(record)

    def cut(self, lines: int) -> None:
        assert lines <= len(self.lines), "the log is shorter than the checkpoint says"
        del self.lines[lines:]


class Memory:
    """Checkpoints without a disk: the newest one, as bytes and JSON would keep it."""

    def __init__(self) -> None:
        self._saved: dict[int, tuple[dict, str]] = {}

    def save(self, step: int, tree: dict, facts: dict, score: float | None) -> None:
        self._saved = {step: (jax.tree.map(np.array, tree), json.dumps(facts))}

    def restore(self, target: dict) -> tuple[dict, dict]:
        (tree, facts), mesh = *self._saved.values(), compiled()[0]
        tree = jax.tree.map(np.array, tree)
        return parallel.replicate(tree, mesh) | {"order": tree["order"]}, json.loads(facts)

    def steps(self) -> list[int]:
        return list(self._saved)


class SlowMemory(Memory):
    """The same, where a checkpoint is there only when so many steps more have been taken.

    A save waits for the one before it, as those of ``Checkpoints`` do.
    """

    def __init__(self, write_steps: int) -> None:
        super().__init__()
        self._write_steps = write_steps
        self._writing: tuple | None = None

    def save(self, step: int, tree: dict, facts: dict, score: float | None) -> None:
        self._finish()
        self._writing = step, jax.tree.map(np.array, tree), facts, score
        self.go_on(step)

    def go_on(self, steps: int) -> None:
        """Tell how many steps have been taken."""
        if self._writing is not None and steps - self._writing[0] >= self._write_steps:
            self._finish()

    def _finish(self) -> None:
        if self._writing is not None:
            super().save(*self._writing)
        self._writing = None


def run(
    checkpoints: Memory | checkpoint.Checkpoints,
    log: Log,
    around: Callable[[training.Step], Callable] = lambda step: step,
    **changes: Any,
) -> training.Outcome:
    """Run, or go on from the newest checkpoint, with everything else fresh but the log.

    Each step is what ``around`` makes of it.
    """
    state = init_state()
    resume = None
    if checkpoints.steps():
        resume = checkpoints.restore(training.make_target(state, ROWS))
    options = {
        "key": jax.random.key(3),
        "num_epochs": NUM_EPOCHS,
        "num_batches": NUM_BATCHES,
        "order": order,
        "batch": batch,
        "evaluate": evaluate,
        "measure": "toy/score",
        "save": checkpoints.save,
        "begin": begin,
        "save_every": SAVE_EVERY,
        "baseline": evaluate(state.params),
        "resume": resume,
        "log": log.write,
        "rewind": log.cut,
    }
    return training.train(state, lambda epoch: around(step_of(epoch)), **options | changes)


def stop_after(steps: int) -> tuple[Callable, Callable[[], bool]]:
    """Return what makes a step count, and a stop that is True after so many of them."""
    counted = 0

    def around(step: training.Step) -> Callable:
        def count(*arguments: Any) -> tuple:
            nonlocal counted
            counted += 1
            return step(*arguments)

        return count

    return around, lambda: counted >= steps
