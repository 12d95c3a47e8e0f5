"""From a road to a trained model: scored before, trained from the start or a checkpoint."""

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import jax
import numpy as np
from rich.console import Console

from bscl_jax import assemble, checkpoint, evaluation, parallel, reporting, shuffling, training
from bscl_jax import config as configs
from bscl_jax.cli._batches import measure_batches
from bscl_jax.cli._compile import compiling
from bscl_jax.cli._disk import flush, write_json
from bscl_jax.cli._first_step import FirstStep
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._memory import give_back_if_short
from bscl_jax.cli._say import say
from bscl_jax.types import Params

BASELINE_LINES = 1
"""The log begins with the test scores before training; training counts its lines after that."""


def fit(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    log: reporting.MetricsLog,
    checkpoints: checkpoint.Checkpoints,
    first_step: FirstStep,
    console: Console,
    stop: Callable[[], bool],
) -> tuple[training.Outcome, dict[str, evaluation.Observation]]:
    """Train to the end, from the start or from the newest checkpoint.

    Returns:
        What training came to, and what the model before it shows on the test split.
    """

    def stop_or_fail() -> bool:
        checkpoints.check()
        give_back_if_short()
        return stop()

    def evaluate(params: Params) -> dict[str, float]:
        return dev_scores(road, road.evaluate(params, road.task.dev))

    key = jax.random.key(config.run.seed)
    resume = None
    if checkpoints.steps():
        resume = parallel.together(partial(restore, road, log, checkpoints))
        parallel.check_same({"checkpoint to go on from": str(resume[1]["step"])})
        say(console, f"resuming after step {resume[1]['step']}")
    first_epoch = resume[1]["epoch"] + resume[1]["evaluated"] if resume else 1
    with ExitStack() as stack:
        stack.callback(first_step.let_go)
        programs = road.programs(road.state, key, first_epoch)
        step = stack.enter_context(compiling(console, road.step, programs))
        with console.status("scoring the model before training"):
            before, dev_baseline = score_start(road, log, resumes=resume is not None)
        progress = stack.enter_context(
            reporting.TrainingProgress(
                console,
                num_epochs=road.stages[-1].epochs[-1],
                steps_per_epoch=road.num_batches,
                batch_size=config.training.batch_size,
                measure=config.evaluation.measure,
                first_step=resume[1]["step"] if resume else 0,
                best=resume[1]["best"]["score"] if resume and resume[1]["best"] else None,
            )
        )
        outcome = training.train(
            road.state,
            step,
            key=key,
            num_epochs=road.stages[-1].epochs[-1],
            num_batches=road.num_batches,
            order=written(road, folder, report_batches=config.training.report_batches),
            batch=road.batch,
            ahead=road.ahead,
            evaluate=evaluate,
            measure=config.evaluation.measure,
            begin=road.begin,
            save=checkpoints.save,
            save_every=config.training.save_every,
            baseline=dev_baseline,
            resume=resume,
            log=first_step.watch(log.write),
            rewind=lambda lines: log.cut(lines + BASELINE_LINES),
            progress=progress.show,
            stop=stop_or_fail,
            max_skips=max_skips(config),
        )
    return outcome, before


def score_start(
    road: assemble.Road, log: reporting.MetricsLog, *, resumes: bool
) -> tuple[dict[str, evaluation.Observation], dict[str, float] | None]:
    """Score the model before training, and begin the log with it.

    Returns:
        What it shows on the test split, and its scores on dev; None of these on resuming, when
        only the embeddings of dev are made: what is embedded with a text moves its last bits.
    """
    splits = {"dev": road.task.dev, "test": road.task.test}
    observed = evaluation.observe_splits(partial(road.observe, road.state.params), splits)
    if resumes:
        return observed["test"], None
    log.cut(0)
    log.write({"event": "baseline", "test": evaluation.summarize(observed["test"])})
    return observed["test"], dev_scores(road, evaluation.summarize(observed["dev"]))


def dev_scores(road: assemble.Road, scores: Mapping[str, float]) -> dict[str, float]:
    """Return every measure of the dev split, NaN where it is not defined."""
    return {name: scores.get(name, math.nan) for name in assemble.measures(road.task.dev)}


def max_skips(config: configs.Config) -> int:
    """Return how many updates in a row may be left out."""
    return config.training.max_skips if config.training.on_nonfinite == "skip" else 0


def restore(
    road: assemble.Road, log: reporting.MetricsLog, checkpoints: checkpoint.Checkpoints
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the newest checkpoint, and cut the log to it.

    Raises:
        RunError: the run folder is damaged.
    """
    target = training.make_target(road.state, len(road.task.train.queries))
    try:
        tree, facts = checkpoints.restore(target)
        log.cut(facts["log_lines"] + BASELINE_LINES)
        return tree, facts
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error


def written(
    road: assemble.Road, folder: RunFolder, *, report_batches: bool
) -> Callable[[Params, int], np.ndarray]:
    """Write each order into the run folder when it is made, and what its batches hold.

    Nobody reads the order there: a checkpoint carries that of its epoch, so a file that is edited
    changes no run that is under way. Of several processes all measure, and the first writes.
    """

    def ordered(params: Params, epoch: int) -> np.ndarray:
        rows = road.order(params, epoch)
        path = shuffling.epoch_path(folder.orders, epoch)
        facts = measure_batches(road, params, rows, epoch) if report_batches else None
        if parallel.is_first():
            if facts is not None:
                write_json(path.with_suffix(".json"), facts)
            shuffling.write_order(path, rows)
            flush(path)
            flush(path.parent)
        return rows

    return ordered
