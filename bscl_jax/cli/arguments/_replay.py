"""The arguments of ``bscl-jax replay``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._shared import count


def add(commands: Any) -> None:
    """Add the command."""
    replay = commands.add_parser(
        "replay",
        help="compute one step of a run again and show loss and gradient of every parameter",
        allow_abbrev=False,
    )
    replay.add_argument("path", metavar="RUN_DIR", help="the folder of the run")
    replay.add_argument(
        "--step", type=count, metavar="N", help="the one that ended the run if not given"
    )
    replay.add_argument("--output", metavar="FILE", help="write what is found there, as JSON")
    replay.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``replay`` with its arguments."""
    from bscl_jax.cli._replay import replay

    return replay(arguments.path, step=arguments.step, output=arguments.output)
