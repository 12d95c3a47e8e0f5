"""The arguments of ``bscl-jax checkpoint``."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    checkpoint = commands.add_parser("checkpoint", help="look at the checkpoints of a run")
    actions = checkpoint.add_subparsers(required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify", help="check every file and array against its checksum", allow_abbrev=False
    )
    verify.add_argument("path", metavar="FOLDER", help="a run.dir, or its checkpoints/")
    verify.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    """Call ``verify`` with its arguments."""
    from bscl_jax.cli._checkpoint import verify

    return verify(arguments.path)
