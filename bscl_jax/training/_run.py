"""What changes while ``train`` runs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Array, Int, Key

from bscl_jax.training._nonfinite import NonFiniteError, as_skip, is_finite
from bscl_jax.training._position import Position, pack, unpack
from bscl_jax.training._state import State
from bscl_jax.training._step import Facts, Step
from bscl_jax.types import PairBatch, Params

Record = dict[str, Any]
Save = Callable[[int, dict[str, Any], dict[str, Any], float | None], None]


class Run:
    """State, order and position of a run, which move together, and the steps not yet logged.

    Attributes:
        state: after the last step, finished or still running on the device.
        rows: the order of the running epoch; empty before the first.
        position: counts every step that has been started.
    """

    def __init__(
        self,
        state: State,
        measure: str,
        save: Save,
        log: Callable[[Record], None],
        progress: Callable[[Record], None],
        max_skips: int,
    ) -> None:
        self.state = state
        self.rows: Int[np.ndarray, " n"] = np.zeros(0, np.int64)
        self.position = Position()
        self._measure, self._save, self._log, self._progress = measure, save, log, progress
        self._max_skips = max_skips
        self._saved: Position | None = None
        self._running: list[tuple[Record, Facts]] = []

    def restore(self, tree: dict[str, Any], facts: Mapping[str, Any]) -> None:
        """Go to where a checkpoint was saved."""
        self.state, self.rows = unpack(tree)
        self.position = self._saved = Position.from_facts(facts)

    def start_epoch(
        self,
        order: Callable[[Params, int], Int[np.ndarray, " n"]],
        begin: Callable[[State, int], State],
    ) -> None:
        """Begin the next epoch if one is over, and get its order unless that was restored.

        Nothing moves before the order is there: if getting it is interrupted, the run stands where
        it was saved last. A later epoch that is left before its first step is begun again.
        """
        position = self.position
        if position.evaluated:
            position = position._replace(epoch=position.epoch + 1, batch=0, evaluated=False)
        if self.position.evaluated or not self.rows.size:
            self.rows = np.array(order(self.state.params, position.epoch), np.int64)
            self.state = begin(self.state, position.epoch)
        self.position = position

    def take_step(self, step: Step, batch: PairBatch, key: Key[Array, ""] | None) -> None:
        """Start a step; its facts are read by ``settle``."""
        self.state, facts = step(self.state, batch, key)
        epoch, number = self.position.epoch, self.position.batch
        record = {"event": "step", "epoch": epoch, "batch": number, "step": self.position.step + 1}
        self._running.append((record, facts))
        self.position = self.position._replace(batch=number + 1, step=record["step"])

    def settle(self, all_but: int = 0) -> None:
        """Wait for steps that are running, all but the newest few; check and log them.

        Raises:
            NonFiniteError: if a loss or gradient is not finite, and it is one more in a row than
                may be skipped.
        """
        while len(self._running) > all_but:
            record, facts = self._running.pop(0)
            record |= {name: float(value) for name, value in facts.items()}
            if is_finite(record):
                self.position = self.position._replace(skipped=0)
                self._write(record)
                continue
            if self.position.skipped == self._max_skips:
                raise NonFiniteError(record, self.rows, self._max_skips)
            self.position = self.position._replace(skipped=self.position.skipped + 1)
            self._write(as_skip(record))

    def add_evaluation(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Log the scores of an epoch and see whether it is the best."""
        self.position = self.position.add_evaluation(epoch, scores, self._measure)
        self._write(self.position.evaluations[-1])

    def end_epoch(self, scores: Mapping[str, float]) -> None:
        """Add the epoch's evaluation and call it over."""
        self.add_evaluation(self.position.epoch, scores)
        self.position = self.position._replace(evaluated=True)

    def save(self) -> None:
        """Save where the run stands, unless just that is saved already.

        Before the first step of a later epoch there is nothing to save: the checkpoint of the same
        step, at the end of the epoch before, says it all and has a score, which must not be lost.
        """
        self.settle()
        position = self.position
        begun = position.batch > 0 or position.epoch == 1
        if self.rows.size and begun and position != self._saved:
            tree, facts = pack(self.state, self.rows), position.to_facts()
            self._save(position.step, tree, facts, position.score(self._measure))
            self._saved = position

    def _write(self, record: Record) -> None:
        self._log(record)
        self._progress(record)
        self.position = self.position._replace(log_lines=self.position.log_lines + 1)
