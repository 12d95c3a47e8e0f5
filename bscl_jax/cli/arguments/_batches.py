"""The arguments of ``bscl-jax batches``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._shared import add_overrides, count


def add(commands: Any) -> None:
    """Add the command."""
    batches = commands.add_parser(
        "batches",
        help="show what the batches of each epoch would hold, without training",
        allow_abbrev=False,
    )
    batches.add_argument("--config", required=True, metavar="FILE", help="the run, in YAML")
    add_overrides(batches)
    batches.add_argument(
        "--epochs", type=count, metavar="K", help="epochs; as in the run if not given"
    )
    batches.add_argument("--model", metavar="NAME", help="a folder or a name; wins over the config")
    batches.add_argument("--output", metavar="FILE", help="write the facts there, as JSON")
    batches.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``batches`` with its arguments."""
    from bscl_jax.cli._batches import batches

    return batches(
        arguments.config,
        overrides=arguments.overrides,
        epochs=arguments.epochs,
        model=arguments.model,
        output=arguments.output,
    )
