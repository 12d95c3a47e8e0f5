"""The arguments of ``bscl-jax compare``."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    compare = commands.add_parser(
        "compare",
        help="compare two configs that train --runs has trained with the same seeds",
        allow_abbrev=False,
    )
    compare.add_argument("first", metavar="FOLDER_A", help="the run.dir of train --runs")
    compare.add_argument("second", metavar="FOLDER_B", help="another; the difference is B - A")
    compare.add_argument(
        "--measure",
        dest="measures",
        action="append",
        default=[],
        metavar="SET/MEASURE",
        help="compare this measure only; may be given again",
    )
    compare.add_argument("--split", choices=("dev", "test"), default="test")
    compare.add_argument("--output", metavar="FILE", help="write what is found there, as JSON")
    compare.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``compare`` with its arguments."""
    from bscl_jax.cli._compare import compare

    return compare(
        arguments.first,
        arguments.second,
        names=arguments.measures,
        split=arguments.split,
        output=arguments.output,
    )
