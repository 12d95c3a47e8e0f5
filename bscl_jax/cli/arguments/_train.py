"""The arguments of ``bscl-jax train``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._processes import add_processes, start_processes
from bscl_jax.cli.arguments._shared import add_overrides, count


def add(commands: Any) -> None:
    """Add the command."""
    train = commands.add_parser(
        "train",
        help="train, evaluate and export a sentence encoder as a config file says",
        allow_abbrev=False,
    )
    train.add_argument("--config", required=True, metavar="FILE", help="the run, in YAML")
    add_overrides(train)
    train.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    train.add_argument(
        "--runs",
        type=count,
        metavar="K",
        help="train with K seeds, run.seed and those that follow it, each in a folder of its own "
        "below run.dir; print mean, interval and the best on dev",
    )
    add_processes(train)
    train.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``train``, or with several seeds ``train_runs``, with its arguments."""
    start_processes(arguments)
    if arguments.runs is not None:
        from bscl_jax.cli._runs import train_runs

        return train_runs(
            arguments.config,
            overrides=arguments.overrides,
            num_runs=arguments.runs,
            resume=arguments.resume,
        )
    from bscl_jax.cli._train import train

    return train(arguments.config, overrides=arguments.overrides, resume=arguments.resume)
