"""The arguments of ``bscl-jax export``."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command."""
    export = commands.add_parser(
        "export",
        help="write a run, finished or not, or any model as a folder or a program for others",
        allow_abbrev=False,
    )
    export.add_argument(
        "source", metavar="SOURCE", help="a run folder, or a model: a folder or a name"
    )
    export.add_argument(
        "--output", required=True, metavar="PATH", help="the folder or file to write"
    )
    export.add_argument(
        "--format",
        choices=("sentence_transformers", "stablehlo"),
        default="sentence_transformers",
        help="a folder, or the whole encoder as one program (sentence_transformers)",
    )
    export.add_argument(
        "--epoch",
        choices=("best", "last"),
        help="of a run: the best by its dev measure, or the newest checkpoint (best)",
    )
    export.add_argument(
        "--normalize",
        action=argparse.BooleanOptionalAction,
        help="StableHLO: scale vectors to length 1 (yes)",
    )
    export.add_argument(
        "--platforms",
        nargs="+",
        metavar="NAME",
        help="StableHLO: what it can run on, of cpu, cuda, rocm and tpu (cpu cuda tpu)",
    )
    export.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Call ``export_model`` with its arguments."""
    from bscl_jax.cli._export import Wanted, export_model

    return export_model(Wanted(**{name: getattr(arguments, name) for name in Wanted._fields}))
