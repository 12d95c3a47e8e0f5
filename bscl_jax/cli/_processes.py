"""A run that several processes share: process 0 writes and speaks, all begin with the same."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from bscl_jax import assemble, parallel
from bscl_jax import config as configs
from bscl_jax.cli._alone import alone
from bscl_jax.cli._folder import (
    RunError,
    RunFolder,
    check_data,
    check_may_start,
    check_not_finished,
    check_siblings,
    start,
)
from bscl_jax.cli._say import PatientConsole

SECONDS_TO_SEE = 60
"""A network file system may show a new file so late to the other machines."""


def make_console() -> Console:
    """Make the console; of several processes only the first speaks."""
    return PatientConsole(highlight=False, quiet=not parallel.is_first())


def check_start(folder: RunFolder, config: configs.Config, road: assemble.Road) -> None:
    """Refuse processes that would train something else, or from another step.

    Raises:
        ProcessError: with what differs.
    """
    parallel.check_same(
        {
            "config": configs.dump(config),
            **{f"data, {split}": found for split, found in road.hashes.items()},
            "state of the run folder": f"{folder.state()} {sorted(folder.checkpoints.glob('*'))}",
        }
    )


def start_together(
    folder: RunFolder,
    config: configs.Config,
    road: assemble.Road,
    held: ExitStack,
    *,
    resume: bool,
    siblings: Sequence[RunFolder] = (),
) -> None:
    """Take the run folder for this run alone, and write there with what it begins.

    All processes see that they share it.

    Args:
        folder: the run.
        config: its config.
        road: its functions.
        held: what holds the folder; closing it gives the folder back.
        resume: whether a run may be there already.
        siblings: the folders of runs that a mean is taken with.

    Raises:
        RunError: another run has the folder, data, models or orders are not those that the run
            there began with, or the folder cannot be written to or is not the same one
            everywhere.
        ProcessError: that is so in another process.
    """

    def take() -> None:
        try:
            sources = road.sources()
            check_siblings(siblings, sources)
            held.enter_context(alone(folder.path))
            check_not_finished(folder)  # another may have been there meanwhile
            check_may_start(folder, config, resume=resume)
            check_data(folder, sources)
            start(folder, config, sources, road.extras and road.extras._asdict())
        except OSError as error:
            raise RunError(
                f"run.dir {folder.path} cannot be written to ({error.strerror}); choose another "
                "with --set run.dir=…"
            ) from error

    parallel.by_first(take)
    parallel.together(lambda: see(folder))


def see(folder: RunFolder) -> None:
    """Wait until the config is there.

    Raises:
        RunError: it does not come.
    """
    until = time.monotonic() + SECONDS_TO_SEE
    while not folder.config.is_file():
        if time.monotonic() > until:
            raise RunError(
                f"run.dir {folder.path} is not the folder that process 0 writes to; choose one "
                "that all processes see with --set run.dir=…"
            )
        time.sleep(0.1)
