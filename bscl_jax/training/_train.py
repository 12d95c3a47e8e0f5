"""The run from the first step to the last, in the order things happen."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Array, Int, Key

from bscl_jax.training._position import Interrupted, Outcome
from bscl_jax.training._run import Record, Run, Save
from bscl_jax.training._state import State
from bscl_jax.training._step import Step
from bscl_jax.types import PairBatch, Params


def train(
    state: State,
    step: Callable[[int], Step],
    *,
    key: Key[Array, ""] | None,
    num_epochs: int,
    num_batches: int,
    order: Callable[[Params, int], Int[np.ndarray, " n"]],
    batch: Callable[[Int[np.ndarray, " n"], int], PairBatch],
    evaluate: Callable[[Params], Mapping[str, float]],
    measure: str,
    save: Save,
    begin: Callable[[State, int], State] = lambda state, epoch: state,
    save_every: int | None = None,
    ahead: int = 1,
    baseline: Mapping[str, float] | None = None,
    resume: tuple[dict[str, Any], Mapping[str, Any]] | None = None,
    log: Callable[[Record], None] = lambda record: None,
    rewind: Callable[[int], None] = lambda lines: None,
    progress: Callable[[Record], None] = lambda record: None,
    stop: Callable[[], bool] = lambda: False,
    max_skips: int = 0,
) -> Outcome:
    """Train for some epochs, evaluate after each, and save so that nothing is lost.

    A run that was stopped and resumed gives, bit for bit, what it would have given without: the
    order of the running epoch, the position in it, the best evaluation so far and the number of
    logged records are in each checkpoint; all else is a function of seed and position.

    Each step is logged as ``{"event": "step", "epoch", "batch", "step", "loss", …}``, each
    evaluation as ``{"event": "evaluation", "epoch", "step", "dev": {…}}`` (a score that is not
    finite as None). Facts of a step are read while the next one runs, so the device never waits
    for the log; only the first is waited for, as the second may need a program that is not there.

    Args:
        state: before the first step, from ``init_state``. It is overwritten (donated).
        step: ``epoch -> step``, what trains in that epoch, from ``make_step``; a run may change its
            loss or leave dropout out from some epoch on.
        key: of the dropout, the same for the whole run; None turns it off.
        num_epochs: epochs of the whole run, from 1 on.
        num_batches: batches of an epoch.
        order: ``(params, epoch) -> int64 n``, the rows of an epoch in their order; called at its
            start.
        batch: ``(order, k) -> PairBatch``, batch k of an order, ready for a step. It is called
            ahead, while a step runs, and must be a function of its arguments alone.
        evaluate: ``params -> {name: score}``, called after each epoch. Neither it nor ``order`` may
            keep params: the next step overwrites them.
        measure: the name among the scores by which the best epoch is chosen; higher is better.
        save: ``(step, tree, facts, score)``, as ``Checkpoints.save``; it must copy the tree, which
            the next step overwrites. The same step may come again, with more facts.
        begin: ``(state, epoch) -> state``, called once at the start of each epoch, after ``order``;
            what it returns, such as a state with the optimizer's anew, goes into the first step.
            The tree must keep its structure. An epoch that is resumed within is not begun again.
        save_every: steps between checkpoints within an epoch; None saves at the end of each only.
        ahead: batches that are made in a row, while the step runs that took the last one.
        baseline: the scores before training. They count as epoch 0, which is saved and may
            stay the best. Not looked at when resuming.
        resume: ``(tree, facts)`` of a checkpoint, restored to ``make_target(state, n)``.
        log: called with each record, once in the whole run whatever the interruptions.
        rewind: called at the start with the number of records logged up to the resumed
            checkpoint (0 for a new run); cut the log to it.
        progress: called with each record after it is logged, to show it.
        stop: asked before each step, and before each evaluation; on True a checkpoint of the
            last finished step is saved and Interrupted raised. With several processes the
            answer must be the same on all. ``order``, ``evaluate`` and ``batch`` may raise
            Interrupted themselves, to stop sooner.
        max_skips: steps in a row whose loss or gradient may be not finite. ``make_step`` leaves
            their update out; they are logged as ``{"event": "skip", …}`` (what is not finite as
            None). One more ends the run; 0 ends it at the first.

    Returns:
        The last state, the best evaluation and all evaluations.

    Raises:
        Interrupted: after a checkpoint was handed to ``save``.
        NonFiniteError: a FloatingPointError, if a loss or gradient is not finite (once more in a
            row than ``max_skips``), before anything after that step is saved.
        ValueError: if num_epochs, num_batches, save_every or ahead is below 1, or the evaluation
            has no such measure.
    """
    counts = {"num_epochs": num_epochs, "num_batches": num_batches}
    _check_counts(**counts, save_every=save_every, ahead=ahead)
    run = Run(state, measure, save, log, progress, max_skips)
    if resume is not None:
        run.restore(*resume)
    rewind(run.position.log_lines)
    if resume is None and baseline is not None:
        run.add_evaluation(0, baseline)

    running = 0
    try:
        while not (run.position.evaluated and run.position.epoch == num_epochs):
            run.start_epoch(order, begin)
            if run.position.step == 0 and baseline is not None:
                run.save()

            upcoming: deque[PairBatch] = deque()
            while run.position.batch < num_batches:
                _raise_if(stop)
                current = upcoming.popleft() if upcoming else batch(run.rows, run.position.batch)
                run.take_step(step(run.position.epoch), current, key)
                if not upcoming:
                    nearest = range(run.position.batch, num_batches)[:ahead]
                    upcoming.extend(batch(run.rows, k) for k in nearest)
                run.settle(all_but=running)
                running = 1
                if save_every is not None and run.position.step % save_every == 0:
                    run.save()

            _raise_if(stop)
            run.settle()
            run.end_epoch(evaluate(run.state.params))
            run.save()
    except Interrupted:
        run.save()
        at = f"step {run.position.step} (epoch {run.position.epoch}, batch {run.position.batch})"
        raise Interrupted(f"stopped after {at}") from None
    return Outcome(run.state, run.position.best, list(run.position.evaluations))


def _raise_if(stop: Callable[[], bool]) -> None:
    if stop():
        raise Interrupted


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
