"""The arguments of ``bscl-jax mine``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._shared import add_overrides, count


def add(commands: Any) -> None:
    """Add the command."""
    mine = commands.add_parser(
        "mine",
        help="search hard negatives for the training pairs of a config and write them to a file",
        allow_abbrev=False,
    )
    mine.add_argument("--config", required=True, metavar="FILE", help="its data and encoder")
    add_overrides(mine)
    mine.add_argument("--output", required=True, metavar="FILE", help="a .jsonl or .tsv file")
    mine.add_argument("--model", metavar="NAME", help="a folder or a name; wins over the config")
    mine.add_argument(
        "--guide",
        metavar="NAME",
        help="a second model, which has to find the target nearer than the negative",
    )
    mine.add_argument(
        "--candidates",
        choices=("targets", "corpus"),
        default="targets",
        help="the targets of the training pairs, or also the corpus that dev is answered from",
    )
    mine.add_argument(
        "--num-negatives", type=count, default=5, metavar="K", help="most of a pair (5)"
    )
    mine.add_argument(
        "--ranks",
        type=int,
        nargs=2,
        default=(1, 100),
        metavar=("FIRST", "LAST"),
        help="by nearness to the query, 1 being the nearest candidate that is no known positive "
        "(1 100)",
    )
    mine.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="a negative's cosine is at least this much below the target's",
    )
    mine.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``mine`` with its arguments."""
    from bscl_jax.cli._mine import Search, mine

    return mine(
        arguments.config,
        overrides=arguments.overrides,
        model=arguments.model,
        search=Search(
            arguments.candidates,
            arguments.num_negatives,
            tuple(arguments.ranks),
            arguments.margin,
            arguments.guide,
        ),
        output=arguments.output,
    )
