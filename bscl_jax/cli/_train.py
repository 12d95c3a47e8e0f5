"""``bscl-jax train``: one run, from the config to the report."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
from rich.console import Console

from bscl_jax import assemble, checkpoint, data, reporting, training
from bscl_jax import config as configs
from bscl_jax.cli._finish import finish, show_results
from bscl_jax.cli._folder import RunError, RunFolder, check_may_start, write_whole

BASELINE_LINES = 1
"""The log begins with the test scores before training; training counts its lines after that."""


def train(config_path: str, *, overrides: Sequence[str], resume: bool) -> int:
    """Train, evaluate and export as a config says.

    Args:
        config_path: the config file.
        overrides: ``section.key=value`` texts that win over the file.
        resume: go on with an unfinished run.

    Returns:
        The exit status: 0, or 75 (SIGTERM) or 130 (SIGINT) with a checkpoint written.

    Raises:
        RunError: the user's mistake; nothing has been written.
    """
    console = Console(highlight=False)
    with training.signals() as stop:
        try:
            config = configs.load(config_path, overrides)
            folder = RunFolder(Path(config.run.dir))
            if folder.state() == "finished":
                console.print(f"{folder.path} holds a finished run; nothing was changed")
                show_results(console, folder, folder.read_results())
                return 0
            check_may_start(folder, config, resume=resume)
            road = assemble.lay_road(config, advance=lambda _: leave_if(stop))
        except (ValueError, OSError) as error:
            raise RunError(str(error)) from error
        try:
            run(config, folder, road, console, stop)
        except training.Interrupted as interrupted:
            console.print(f"{interrupted}; the same command with --resume goes on")
            return stop.exit_code
    return 0


def leave_if(stop: Callable[[], bool]) -> None:
    """Leave an evaluation or an order between two batches when a signal asks for it."""
    if stop():
        raise training.Interrupted("stopped")


def run(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    console: Console,
    stop: Callable[[], bool],
) -> None:
    """Score the baseline, train, keep the best epoch, score it, export it and report."""
    started = time.monotonic()
    write_whole(folder.config, configs.dump(config))
    introduce(config, road, console)
    log = reporting.MetricsLog(folder.metrics)
    with checkpoint.Checkpoints(folder.checkpoints) as checkpoints:
        outcome, baseline = fit(config, road, log, checkpoints, console, stop)
        kept, _ = checkpoints.restore_best({"params": outcome.state.params}, partial=True)
    results = finish(config, folder, road, outcome, kept["params"], baseline)
    show_results(console, folder, results)
    console.print(f"finished in {time.monotonic() - started:.0f} s")


def introduce(config: configs.Config, road: assemble.Road, console: Console) -> None:
    """Say what is about to be trained on what, and what the splits have in common."""
    devices = jax.devices()
    console.print(f"model    {road.encoder.source}", soft_wrap=True)
    console.print(f"data     {config.data.kind}, {len(road.task.train.queries)} training pairs")
    console.print(f"devices  {config.training.devices or len(devices)} × {devices[0].device_kind}")
    for name, count in data.check_overlap(road.task).items():
        splits, _, what = name.rpartition("/")
        if count and what != "targets":
            console.print(f"warning: {count} {what} stand in both of {splits}; scores flatter")


def fit(
    config: configs.Config,
    road: assemble.Road,
    log: reporting.MetricsLog,
    checkpoints: checkpoint.Checkpoints,
    console: Console,
    stop: Callable[[], bool],
) -> tuple[training.Outcome, dict[str, float]]:
    """Train to the end, from the start or from the newest checkpoint.

    Returns:
        What training came to, and the test scores before it.
    """
    resume = dev_baseline = None
    if checkpoints.steps():
        target = training.make_target(road.state, len(road.task.train.queries))
        resume = checkpoints.restore(target)
        baseline = reporting.read_metrics(log.path)[0]["test"]
        console.print(f"resuming after step {resume[1]['step']}")
    else:
        dev_baseline = road.evaluate(road.state.params, road.task.dev)
        baseline = road.evaluate(road.state.params, road.task.test)
        log.cut(0)
        log.write({"event": "baseline", "test": baseline})
    with reporting.TrainingProgress(
        console,
        num_epochs=config.training.epochs,
        steps_per_epoch=road.num_batches,
        batch_size=config.training.batch_size,
        measure=config.evaluation.measure,
        first_step=resume[1]["step"] if resume else 0,
        best=resume[1]["best"]["score"] if resume and resume[1]["best"] else None,
    ) as progress:
        outcome = training.train(
            road.state,
            road.step,
            key=jax.random.key(config.run.seed),
            num_epochs=config.training.epochs,
            num_batches=road.num_batches,
            order=road.order,
            batch=road.batch,
            evaluate=lambda params: road.evaluate(params, road.task.dev),
            measure=config.evaluation.measure,
            save=checkpoints.save,
            save_every=config.training.save_every,
            baseline=dev_baseline,
            resume=resume,
            log=log.write,
            rewind=lambda lines: log.cut(lines + BASELINE_LINES),
            progress=progress.show,
            stop=stop,
        )
    return outcome, baseline
