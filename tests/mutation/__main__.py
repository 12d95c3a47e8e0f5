"""Do the tests bite? Puts mistakes into a room of the package and counts those that tests notice.

    python -m tests.mutation losses                  # a sample, as drawn by the seed in rooms.yaml
    python -m tests.mutation losses --all            # every mistake: hours

``rooms.yaml`` says which tests are run against which file; what survives them survives, though a
test of another room might notice. ``equivalent.yaml`` lists mistakes that change nothing a user
could see, each with the reason; they do not count.
"""

import argparse
import math
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.runs import make_copies, outcomes, prepare, seconds_without_mistake

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    config = yaml.safe_load(options.rooms.read_text(encoding="utf-8"))
    room = config["rooms"][options.room]
    files = sorted(path.name for path in (options.root / room["folder"]).glob("*.py"))
    files = [options.file] if options.file else files
    every = [each for name in files for each in mutants(options.root, f"{room['folder']}/{name}")]
    drawn = every
    if not options.all:
        size = options.sample or room["sample"]
        drawn = sample(every, size, config["seed"] if options.seed is None else options.seed)
    same = equivalents(options.rooms.with_name("equivalent.yaml"))
    counted = [
        each
        for each in drawn
        if not {(each.file, each.was, each.becomes), (each.file, each.was, None)} & same
    ]
    print(f"{len(every)} mutants, {len(drawn)} drawn, {len(counted)} not known to be equivalent")

    prepare(room["imports"])
    killed = 0
    with tempfile.TemporaryDirectory() as folder:
        copies = make_copies(options.root, Path(folder), options.processes)
        tests = [tests_of(each, room["tests"]) for each in counted]
        limits = [options.limit] * len(tests)
        if options.limit is None:
            seconds = seconds_without_mistake(dict.fromkeys(tests), copies)
            least = config["least_seconds"]
            limits = [max(config["patience"] * seconds[own], least) for own in tests]
        for done, (mutant, was_killed) in enumerate(outcomes(counted, tests, limits, copies), 1):
            killed += was_killed
            print(f"{killed} of {done} killed", end="\r", file=sys.stderr, flush=True)
            if not was_killed:
                where = f"{mutant.file}:{mutant.line}"
                print(f"survived {where}\n  - {mutant.was}\n  + {mutant.becomes}", flush=True)
    if counted:
        low, high = interval(killed, len(counted))
        share = f"{killed / len(counted):.1%} ({low:.1%} to {high:.1%})"
        print(f"{killed} of {len(counted)} killed: {share}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("room", help="an entry of rooms.yaml")
    parser.add_argument("--rooms", type=Path, default=HERE / "rooms.yaml")
    parser.add_argument("--root", type=Path, default=HERE.parent.parent)
    parser.add_argument("--seed", type=int, help="of the sample; that of rooms.yaml if left out")
    parser.add_argument("--sample", type=int, help="mutants drawn; as in rooms.yaml if left out")
    parser.add_argument("--all", action="store_true", help="every mutant, no sample")
    parser.add_argument("--file", help="mutants of this file alone, such as _cut.py")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--limit",
        type=float,
        help="most seconds of a mutant; without it the tests are timed, and seen to pass, first",
    )
    return parser


def sample(every: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Draws at regular distances, so that each file has its share; within a file at random."""
    draw = random.Random(seed)
    mixed = sorted(every, key=lambda each: (each.file, draw.random()))
    distance = max(len(mixed) / size, 1.0)
    begin = draw.uniform(0, distance)
    places = [int(begin + distance * number) for number in range(size)]
    draw.shuffle(places)  # what is known after a part of the time is a sample, too
    return [mixed[place] for place in places if place < len(mixed)]


def tests_of(mutant: Mutant, table: dict[str, list[str]]) -> tuple[str, ...]:
    """Returns the tests of a mutant's file, or else those of the room."""
    return tuple(table.get(Path(mutant.file).name, table["others"]))


def equivalents(path: Path) -> set[tuple[str, str, str | None]]:
    """Reads mistakes that change nothing: file, line as it was, as it becomes (None: anyhow)."""
    if not path.is_file():
        return set()
    listed: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return {(each["file"], each["was"], each.get("becomes")) for each in listed}


def interval(killed: int, number: int) -> tuple[float, float]:
    """Returns Wilson's 95 % interval of a share."""
    z = 1.96
    share, spread = killed / number, z**2 / number
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return middle - half, middle + half


if __name__ == "__main__":
    raise SystemExit(main())
