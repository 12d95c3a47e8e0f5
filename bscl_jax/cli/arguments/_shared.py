"""What the arguments of several commands have in common."""

import argparse


def add_overrides(command: argparse.ArgumentParser) -> None:
    """Add ``--set``, for the commands that read a config."""
    command.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one value of the config; may be given again",
    )


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, was {text!r}")
    return int(text)
