"""The arguments of a process that is one of several."""

import argparse

from bscl_jax.cli.arguments._shared import count


def add_processes(command: argparse.ArgumentParser) -> None:
    """Add the options of a process that is one of several."""
    group = command.add_argument_group(
        "several processes", "give the command to each; run.dir must be a folder that all see"
    )
    group.add_argument(
        "--distributed",
        action="store_true",
        help="find the others as jax does, under SLURM, GKE, Open MPI and on Cloud TPU pods",
    )
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="find them at this address, a free port on the machine of process 0",
    )
    group.add_argument(
        "--num-processes", type=count, metavar="N", help="how many there are, for --coordinator"
    )
    group.add_argument(
        "--process-id", type=int, metavar="I", help="which this is, from 0, for --coordinator"
    )


def start_processes(arguments: argparse.Namespace) -> None:
    """Make this process one of several, if the arguments say so.

    Raises:
        RunError: what the user can put right.
    """
    explicit = (arguments.coordinator, arguments.num_processes, arguments.process_id)
    if not arguments.distributed and explicit == (None, None, None):
        return
    from bscl_jax import parallel
    from bscl_jax.cli._folder import RunError

    try:
        parallel.start_processes(*explicit)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
