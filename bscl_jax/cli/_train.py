"""``bscl-jax train``: one run, from the config to the report."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import jax
from rich.console import Console

from bscl_jax import assemble, checkpoint, parallel, reporting, training
from bscl_jax import config as configs
from bscl_jax.cli._cache import cache_folder
from bscl_jax.cli._data import begun_extras, describe_data, keep_quarantine, name_rows
from bscl_jax.cli._finish import finish, restore_kept, show_results
from bscl_jax.cli._first_step import FirstStep
from bscl_jax.cli._fit import fit
from bscl_jax.cli._folder import (
    PLACE,
    RunError,
    RunFolder,
    check_in_place,
    check_may_start,
    differences,
)
from bscl_jax.cli._kept import base_model
from bscl_jax.cli._nonfinite import keep_nonfinite
from bscl_jax.cli._processes import check_start, make_console, start_together
from bscl_jax.cli._say import say
from bscl_jax.cli._stages import describe_stages


def train(config_path: str, *, overrides: Sequence[str], resume: bool) -> int:
    """Train, evaluate and export as a config says.

    Args:
        config_path: the config file.
        overrides: ``section.key=value`` texts that win over the file.
        resume: go on with an unfinished run.

    Returns:
        The exit status: 0, or 75 (SIGTERM) or 130 (SIGINT) with a checkpoint written.

    Raises:
        RunError: what the user can put right. What does not come of training itself shows before
            anything is written.
    """
    console = make_console()
    with training.signals() as own:

        def read() -> configs.Config:
            config = configs.load(config_path, overrides)
            if resume:
                check_in_place(Path(config_path), config)
            return config

        try:
            config = parallel.together(read)
        except (ValueError, OSError, parallel.ProcessError) as error:
            raise RunError(str(error)) from error
        return train_one(config, console, training.StopTogether(own), resume=resume)


def train_one(
    config: configs.Config,
    console: Console,
    stop: training.Stop,
    *,
    resume: bool,
    siblings: Sequence[RunFolder] = (),
) -> int:
    """Train, evaluate and export; see :func:`train`. Siblings are runs on what must be the same."""
    with ExitStack() as held:
        return train_holding(held, config, console, stop, resume=resume, siblings=siblings)


def train_holding(
    held: ExitStack,
    config: configs.Config,
    console: Console,
    stop: training.Stop,
    *,
    resume: bool,
    siblings: Sequence[RunFolder],
) -> int:
    """Train, evaluate and export, while the run folder is held."""
    folder = RunFolder(Path(config.run.dir).expanduser())
    anew = resume and folder.state() == "new"

    def prepare() -> assemble.Road | None:
        if folder.state() == "finished":
            return None
        check_may_start(folder, config, resume=resume)
        return assemble.lay_road(
            config,
            advance=lambda _: leave_if(stop),
            token_cache=cache_folder("tokens"),
            embedding_cache=cache_folder("embeddings"),
            trace_cache=cache_folder("traces"),
            begun=begun_extras(folder),
        )

    try:
        road = parallel.together(prepare)
        if road is None:
            show_finished(console, folder, config)
            return 0
        check_start(folder, config, road)
        start_together(folder, config, road, held, resume=resume, siblings=siblings)
        parallel.by_first(partial(keep_quarantine, folder, config, road.task))
        if anew:
            say(console, f"{folder.path} holds no run to go on with; starting anew")
    except (ValueError, OSError, parallel.ProcessError) as error:
        raise RunError(str(error)) from error
    try:
        run(config, folder, road, console, stop)
    except training.Interrupted as interrupted:
        say(console, f"{interrupted}; the same command with --resume goes on")
        return stop.exit_code
    except training.NonFiniteError as error:
        remedy = f"bscl-jax replay {folder.path} shows the gradients of the step"
        try:
            parallel.by_first(partial(keep_nonfinite, folder, config, error))
        except (OSError, parallel.ProcessError) as other:
            remedy = f"{folder.nonfinite.name} could not be written ({other})"
        remedy += "; other settings need another folder, --set run.dir=…"
        raise RunError(f"{error}; {remedy}") from error
    except (OSError, checkpoint.DamagedError, parallel.ProcessError) as error:
        raise RunError(f"{error}; the same command with --resume goes on") from error
    return 0


def show_finished(console: Console, folder: RunFolder, config: configs.Config) -> None:
    """Say that the run is finished, whether it is the one asked for, and what came of it."""
    say(console, f"{folder.path} holds a finished run; nothing was changed")
    if folder.config.is_file() and (
        changes := differences(configs.load(folder.config), config, aside=PLACE)
    ):
        remedy = "train yours in another folder, with --set run.dir=…"
        say(console, f"warning: it had another config ({'; '.join(changes)}); {remedy}")
    show_results(console, folder, folder.read_results())


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
    introduce(config, road, console)
    log = reporting.MetricsLog(folder.metrics if parallel.is_first() else None)
    first_step = FirstStep()

    def before_saving() -> None:
        first_step.wait()
        folder.flush_log()

    with checkpoint.Checkpoints(folder.checkpoints, before=before_saving) as checkpoints:
        outcome, before = fit(config, folder, road, log, checkpoints, first_step, console, stop)
        parallel.together(checkpoints.wait)
        kept = restore_kept(checkpoints, outcome, config.evaluation.measure)
    with console.status("scoring the kept epoch on the test split, exporting it"):
        results = finish(config, folder, road, kept, before)
    show_results(console, folder, results)
    say(console, f"finished in {time.monotonic() - started:.0f} s")


def introduce(config: configs.Config, road: assemble.Road, console: Console) -> None:
    """Say what is about to be trained on what, and what the splits have in common."""
    devices = jax.devices()
    say(console, f"model    {base_model(config.encoder)} ({road.encoder.source})")
    if config.target_encoder is not None:
        source = road.towers.targets.encoder.source
        say(console, f"targets  {base_model(config.target_encoder)} ({source})")
    say(console, f"devices  {config.training.devices or len(devices)} × {devices[0].device_kind}")
    for line in describe_data(config, road.task, rows=name_rows(config)):
        say(console, line)
    if config.stages:
        say(console, f"stages   {describe_stages(road.stages)}")
