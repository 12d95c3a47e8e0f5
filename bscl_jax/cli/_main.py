"""Arguments in, exit status out."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

USER_MISTAKE = 2
"""Exit status where the user can put it right; one message says how, without a traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        0 done; 2 the user's mistake; 75 stopped by SIGTERM and 130 by SIGINT, each with a
        checkpoint written. Anything else raises, which Python turns into 1.
    """
    arguments = _parser().parse_args(argv)
    widen_thread_pool()
    # Imported here so that --help and a mistyped option answer at once.
    from bscl_jax.cli._folder import RunError

    keep_compiled_programs()
    try:
        return arguments.run(arguments)
    except RunError as error:
        for line in str(error).splitlines():
            print(f"bscl-jax: {line}", file=sys.stderr)
        return USER_MISTAKE


def run_train(arguments: argparse.Namespace) -> int:
    """Call ``train``, or with several seeds ``train_runs``, with its arguments."""
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


def run_evaluate(arguments: argparse.Namespace) -> int:
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


def run_compare(arguments: argparse.Namespace) -> int:
    """Call ``compare`` with its arguments."""
    from bscl_jax.cli._compare import compare

    return compare(
        arguments.first,
        arguments.second,
        names=arguments.measures,
        split=arguments.split,
        output=arguments.output,
    )


def run_mine(arguments: argparse.Namespace) -> int:
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


def run_batches(arguments: argparse.Namespace) -> int:
    """Call ``batches`` with its arguments."""
    from bscl_jax.cli._batches import batches

    return batches(
        arguments.config,
        overrides=arguments.overrides,
        epochs=arguments.epochs,
        model=arguments.model,
        output=arguments.output,
    )


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, was {text!r}")
    return int(text)


def widen_thread_pool() -> None:
    """Give XLA more threads than virtual CPU devices, if such are asked for.

    Collectives that do not depend on each other can otherwise hold all its threads, each waiting
    for the other's: a deadlock, ended by abort after 40 s.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        os.environ.setdefault("NPROC", "64")


def keep_compiled_programs() -> None:
    """Keep what XLA compiles for the next start, unless the user has said where or that not."""
    import jax

    settings: Any = jax.config  # its attributes are made at run time
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or settings.jax_compilation_cache_dir:
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bscl_jax" / "xla"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bscl-jax", description="Batch-softmax contrastive learning of sentence embeddings."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="train, evaluate and export a sentence encoder as a config file says",
        allow_abbrev=False,
    )
    train.add_argument("--config", required=True, metavar="FILE", help="the run, in YAML")
    _add_overrides(train)
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
    train.set_defaults(run=run_train)
    _add_evaluate(commands)
    _add_compare(commands)
    _add_mine(commands)
    _add_batches(commands)
    return parser


def _add_evaluate(commands: Any) -> None:
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
    _add_overrides(evaluate)
    evaluate.add_argument(
        "--model", metavar="NAME", help="a folder or a name; wins over the config"
    )
    evaluate.add_argument("--split", choices=("dev", "test", "both"), default="both")
    evaluate.add_argument("--output", metavar="FILE", help="write the scores there, as JSON")
    evaluate.set_defaults(run=run_evaluate)


def _add_compare(commands: Any) -> None:
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
    compare.set_defaults(run=run_compare)


def _add_mine(commands: Any) -> None:
    mine = commands.add_parser(
        "mine",
        help="search hard negatives for the training pairs of a config and write them to a file",
        allow_abbrev=False,
    )
    mine.add_argument("--config", required=True, metavar="FILE", help="its data and encoder")
    _add_overrides(mine)
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
    mine.set_defaults(run=run_mine)


def _add_batches(commands: Any) -> None:
    batches = commands.add_parser(
        "batches",
        help="show what the batches of each epoch would hold, without training",
        allow_abbrev=False,
    )
    batches.add_argument("--config", required=True, metavar="FILE", help="the run, in YAML")
    _add_overrides(batches)
    batches.add_argument(
        "--epochs", type=count, metavar="K", help="epochs; as in the run if not given"
    )
    batches.add_argument("--model", metavar="NAME", help="a folder or a name; wins over the config")
    batches.add_argument("--output", metavar="FILE", help="write the facts there, as JSON")
    batches.set_defaults(run=run_batches)


def _add_overrides(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one value of the config; may be given again",
    )
