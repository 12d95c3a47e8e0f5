"""Where a run stands, and what a checkpoint must hold so that it goes on from there."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bscl_jax.training._state import State


class Interrupted(Exception):  # noqa: N818  (no error: the run was asked to stop)
    """The run was stopped on request and can be resumed; the message says where."""


class Best(NamedTuple):
    """The best evaluation so far.

    Attributes:
        epoch: its epoch; 0 is the model before training.
        step: steps done by then.
        score: its dev measure.
    """

    epoch: int
    step: int
    score: float


class Outcome(NamedTuple):
    """What training returns.

    Attributes:
        state: after the last step, which need not be the best.
        best: the best evaluation, whose checkpoint is the best; None if no score was finite.
        evaluations: the records of all evaluations, in order, those before a resume too.
    """

    state: State
    best: Best | None
    evaluations: list[dict[str, Any]]


class Position(NamedTuple):
    """Where the run stands; all of it is JSON.

    Attributes:
        epoch: the running epoch, 1 for the first.
        batch: batches of it that are done.
        step: steps done since the start of the run.
        evaluated: whether the epoch is over and evaluated.
        best: the best evaluation so far.
        evaluations: records of all evaluations so far.
        log_lines: records logged so far.
        skipped: updates left out in a row up to here, as they were not finite.
    """

    epoch: int = 1
    batch: int = 0
    step: int = 0
    evaluated: bool = False
    best: Best | None = None
    evaluations: tuple[dict[str, Any], ...] = ()
    log_lines: int = 0
    skipped: int = 0

    def to_facts(self) -> dict[str, Any]:
        """Return the position as JSON."""
        best = None if self.best is None else self.best._asdict()
        return self._asdict() | {"best": best, "evaluations": list(self.evaluations)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Position":
        """Return the position that ``to_facts`` described; further facts are left alone.

        Checkpoints of earlier versions do not say how many updates were skipped: none.
        """
        fields = {name: facts[name] for name in cls._fields if name != "skipped"}
        fields["skipped"] = facts.get("skipped", 0)
        best = None if fields["best"] is None else Best(**fields["best"])
        return cls(**fields | {"best": best, "evaluations": tuple(fields["evaluations"])})

    def add_evaluation(self, epoch: int, scores: Mapping[str, float], measure: str) -> "Position":
        """Return the position with an evaluation added; the best is replaced by a higher score.

        Raises:
            ValueError: if the measure is not among the scores.
        """
        if measure not in scores:
            known = ", ".join(scores)
            raise ValueError(
                f"measure must be one that evaluate returns ({known}), got {measure!r}"
            )
        dev = {name: float(it) if math.isfinite(it) else None for name, it in scores.items()}
        record = {"event": "evaluation", "epoch": epoch, "step": self.step, "dev": dev}
        score, best = dev[measure], self.best
        if score is not None and (best is None or score > best.score):
            best = Best(epoch, self.step, score)
        return self._replace(best=best, evaluations=(*self.evaluations, record))

    def score(self, measure: str) -> float | None:
        """Return the score of the present parameters, None if they have not been evaluated."""
        last = self.evaluations[-1] if self.evaluations else None
        return last["dev"][measure] if last and last["step"] == self.step else None


def make_target(state: State, num_rows: int) -> dict[str, Any]:
    """Return the tree that ``train`` saves, as a target to restore it to.

    Args:
        state: of the same structure as the run's, from ``init_state``; it says on which devices
            the restored one is to be.
        num_rows: n, the length of an epoch's order.

    Example:
        >>> import numpy as np
        >>> import optax
        >>> from bscl_jax import parallel, training
        >>> params = {"encoder": {"bias": np.zeros(3, np.float32)}}
        >>> state = training.init_state(params, optax.sgd(0.1), mesh=parallel.make_mesh(1))
        >>> sorted(training.make_target(state, 10))
        ['opt_state', 'order', 'params', 'step']
    """
    return pack(state, np.zeros(num_rows, np.int64))


def pack(state: State, rows: np.ndarray) -> dict[str, Any]:
    """Return the tree of a checkpoint: the state and the epoch's order beside it."""
    return state._asdict() | {"order": rows}


def unpack(tree: Mapping[str, Any]) -> tuple[State, np.ndarray]:
    """Undo ``pack``."""
    return State(tree["params"], tree["opt_state"], tree["step"]), tree["order"]
