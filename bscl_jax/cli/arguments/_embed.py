"""The arguments of ``bscl-jax embed``."""

import argparse
from typing import Any

from bscl_jax.cli.arguments._shared import count


def add(commands: Any) -> None:
    """Add the command."""
    embed = commands.add_parser(
        "embed",
        help="embed the texts of a file and write their vectors to another, row by row",
        allow_abbrev=False,
    )
    embed.add_argument("--model", required=True, metavar="NAME", help="a folder or a name")
    embed.add_argument(
        "--input",
        required=True,
        metavar="FILE",
        help="a text a line (.txt), or .tsv, .csv, .jsonl or .parquet; all but the last also .gz",
    )
    embed.add_argument(
        "--column", metavar="NAME", help="the column with the texts (text); a .txt has none"
    )
    embed.add_argument("--output", required=True, metavar="FILE", help="a .npy or .parquet file")
    _add_prompt(embed)
    _add_vectors(embed)
    _add_work(embed)
    embed.set_defaults(run=_run)


def _add_prompt(embed: argparse.ArgumentParser) -> None:
    """Add what stands before every text."""
    prompts = embed.add_mutually_exclusive_group()
    prompts.add_argument(
        "--prompt-name",
        metavar="NAME",
        help="the model's prompt that stands before every text, such as query or document; its "
        "default prompt, if it has one, if not given",
    )
    prompts.add_argument("--prompt", metavar="TEXT", help="the prompt itself")


def _add_vectors(embed: argparse.ArgumentParser) -> None:
    """Add what the vectors are."""
    embed.add_argument(
        "--max-length", type=count, metavar="TOKENS", help="longest text; as the model if not given"
    )
    embed.add_argument(
        "--truncate-dim", type=count, metavar="D", help="keep the first D features only"
    )
    embed.add_argument(
        "--normalize",
        action=argparse.BooleanOptionalAction,
        help="scale vectors to length 1 after they are cut; as the model, before, if not given",
    )
    embed.add_argument(
        "--dtype",
        default="float32",
        metavar="TYPE",
        help="float32, float16, int8, uint8, binary or ubinary (float32)",
    )
    embed.add_argument(
        "--ranges",
        metavar="FILE",
        help="low and high of each feature for int8 and uint8: a .npy file, or the .json beside "
        "other vectors; those of the first 10,000 texts if not given",
    )


def _add_work(embed: argparse.ArgumentParser) -> None:
    """Add how they are made."""
    embed.add_argument(
        "--batch-size", type=count, default=64, metavar="N", help="rows encoded at a time (64)"
    )
    embed.add_argument(
        "--chunk-size",
        type=count,
        default=8192,
        metavar="N",
        help="texts in memory, sorted by length; their vectors are safe after each chunk (8192)",
    )
    embed.add_argument(
        "--devices", type=count, metavar="N", help="devices that share each batch; all if not given"
    )
    again = embed.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="go on with a file that was interrupted"
    )
    again.add_argument(
        "--overwrite", action="store_true", help="start anew, whatever is there already"
    )


def _run(arguments: argparse.Namespace) -> int:
    """Call ``embed`` with its arguments."""
    from bscl_jax.cli._embed import embed
    from bscl_jax.cli._embed_facts import Wanted

    wanted = Wanted(**{name: getattr(arguments, name) for name in Wanted._fields})
    return embed(wanted, resume=arguments.resume, overwrite=arguments.overwrite)
