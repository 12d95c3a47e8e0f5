"""The arguments of the commands, one file each.

Each command is imported when it runs, so that ``--help`` and a mistyped option answer at once.
"""

import argparse

from bscl_jax._version import VERSION
from bscl_jax.cli.arguments import (
    _batches,
    _checkpoint,
    _compare,
    _embed,
    _evaluate,
    _export,
    _mine,
    _replay,
    _train,
)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser: ``arguments.run(arguments)`` runs what was asked for."""
    parser = argparse.ArgumentParser(
        prog="bscl-jax", description="Batch-softmax contrastive learning of sentence embeddings."
    )
    parser.add_argument("--version", action="version", version=f"bscl-jax {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        _train,
        _evaluate,
        _compare,
        _embed,
        _export,
        _mine,
        _batches,
        _checkpoint,
        _replay,
    ):
        command.add(commands)
    return parser
