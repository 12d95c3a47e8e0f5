"""A run that several processes share: process 0 writes and speaks, all begin with the same."""

import time

from rich.console import Console

from bscl_jax import assemble, parallel
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunError, RunFolder, start

SECONDS_TO_SEE = 60
"""A network file system may show a new file so late to the other machines."""


def make_console() -> Console:
    """Make the console; of several processes only the first speaks."""
    return Console(highlight=False, quiet=not parallel.is_first())


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


def start_together(folder: RunFolder, config: configs.Config) -> None:
    """Write the resolved config, with which a run begins, and see that all processes see it.

    Raises:
        RunError: the folder cannot be written to, or is not the same one everywhere.
        ProcessError: that is so in another process.
    """
    parallel.by_first(lambda: start(folder, config))
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
