"""The arguments of ``bscl-jax evaluate``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._shared import add_overrides


def add(commands: Any) -> None:
    """Add the command."""
    evaluate = commands.add_parser(
        "evaluate",
        help="score a model on the dev and test sets of a task, without training",
        allow_abbrev=False,
    )
    source = evaluate.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", metavar="FILE", help="a run, in YAML; its data and encoder")
    source.add_argument(
        "--data", metavar="KIND", help="a kind of data, such as stsb; needs --model"
    )
    add_overrides(evaluate)
    evaluate.add_argument(
        "--model", metavar="NAME", help="a folder or a name; wins over the config"
    )
    evaluate.add_argument("--split", choices=("dev", "test", "both"), default="both")
    evaluate.add_argument("--output", metavar="FILE", help="write the scores there, as JSON")
    evaluate.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``evaluate`` with its arguments."""
    from bscl_jax.cli._evaluate import SPLITS, evaluate

    return evaluate(
        arguments.config,
        data_kind=arguments.data,
        overrides=arguments.overrides,
        model=arguments.model,
        splits=SPLITS if arguments.split == "both" else (arguments.split,),
        output=arguments.output,
    )
