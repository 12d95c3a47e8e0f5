"""``bscl-jax compare``: two configs, each trained with several seeds, paired by the seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bscl_jax import config as configs
from bscl_jax import metrics, reporting
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import RunError, differences
from bscl_jax.cli._say import PatientConsole, say
from bscl_jax.cli._seeds import SeedsFolder, read_finished
from bscl_jax.cli._summary import INTERVAL, LEVEL, shown

SAME = ("data.", "encoder.")
"""Settings that two sets of runs ought to share, for the difference to be that of the method."""


def compare(
    first: str, second: str, *, names: Sequence[str], split: str, output: str | None
) -> int:
    """Say by how much the runs of one folder score higher than those of another.

    Args:
        first: a folder that ``train --runs`` has filled.
        second: another.
        names: measures, as ``set/measure``; none means all that both have.
        split: ``"dev"`` or ``"test"``.
        output: a JSON file for what is found; None writes none.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right.
    """
    console = PatientConsole(highlight=False)
    folders = [SeedsFolder(Path(path)) for path in (first, second)]
    runs = [read_finished(folder) for folder in folders]
    seeds = [seed for seed in runs[0] if seed in runs[1]]
    if len(seeds) < 2:
        raise RunError(
            f"two seeds at least must be finished in both folders, were {_listed(runs[0])} in "
            f"{first} and {_listed(runs[1])} in {second}; train more with --runs"
        )
    first_scores, second_scores = ({seed: run[seed][split] for seed in seeds} for run in runs)
    found = {
        "first": first,
        "second": second,
        "split": split,
        "seeds": seeds,
        "interval": INTERVAL,
        "settings": _settings(folders, seeds[0]),
        "data": _other_data(*([run[seed]["data_sha256"] for seed in seeds] for run in runs)),
        "measures": compare_scores(first_scores, second_scores, names),
    }
    if output is not None:
        _write(Path(output), found)
    show(console, folders, runs, found)
    return 0


def compare_scores(
    first: Mapping[int, Mapping[str, float | None]],
    second: Mapping[int, Mapping[str, float | None]],
    names: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Compare scores, by seed, of two sets of runs with the same seeds.

    Returns:
        For each measure both means, the mean difference with its interval, the p value, and how
        often the second is higher; None, with a reason, where a run lacks the measure.

    Raises:
        RunError: there is no such measure in both.
    """
    known = [name for name in _measures(first) if name in _measures(second)]
    if unknown := [name for name in names if name not in known]:
        raise RunError(f"no measure {', '.join(unknown)} in both; there are {', '.join(known)}")
    if not known:
        raise RunError("the runs have no measure in common; --split names another split")
    return {
        name: _compare_values(
            [each.get(name) for each in first.values()],
            [each.get(name) for each in second.values()],
        )
        for name in names or known
    }


def show(
    console: Console,
    folders: Sequence[SeedsFolder],
    runs: Sequence[Mapping[int, Any]],
    found: Mapping[str, Any],
) -> None:
    """Print what was compared, and a row for each measure."""
    for letter, folder, finished in zip("AB", folders, runs, strict=True):
        say(console, f"{letter}  {folder.path}, seeds {_listed(finished)}")
        if unfinished := [seed for seed in folder.seeds() if seed not in finished]:
            say(console, f"warning: {folder.path}: not finished, left out: {_listed(unfinished)}")
    for change in found["settings"]:
        say(console, f"{'warning: ' if change.startswith(SAME) else ''}from A to B: {change}")
    for name in found["data"]:
        say(console, f"warning: the data of {name} differ")
    seeds = found["seeds"]
    title = f"{found['split']} split, B beside A, seeds {_listed(seeds)}"
    columns = ["A", "B", "B − A", "±", "p", "wins"]
    cells = {name: _row(row, len(seeds)) for name, row in found["measures"].items()}
    console.print(reporting.measures_table(cells, columns, title=title))
    say(
        console,
        f"±  {found['interval']}; p of the paired t test, for one measure alone; "
        "wins: seeds in which B is higher",
    )


def _compare_values(
    first: Sequence[float | None], second: Sequence[float | None]
) -> dict[str, Any]:
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if missing := len(first) - len(pairs):
        reason = f"not defined for {missing} of {len(first)} seeds"
        nothing = dict.fromkeys(("first", "second", "difference", "low", "high", "p_value"))
        return {**nothing, "wins": None, "ties": None, "reason": reason}
    found = metrics.paired_difference(*np.array(pairs).T, level=LEVEL)
    difference = found.difference
    return {
        **found._asdict(),
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
    }


def _measures(scores: Mapping[int, Mapping[str, float | None]]) -> list[str]:
    return list(dict.fromkeys(name for each in scores.values() for name in each))


def _settings(folders: Sequence[SeedsFolder], seed: int) -> list[str]:
    """Name the settings in which the runs of a seed differ."""
    try:
        one, other = (configs.load(folder.run(seed).config) for folder in folders)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    return differences(one, other)


def _other_data(
    first: Sequence[Mapping[str, str]], second: Sequence[Mapping[str, str]]
) -> list[str]:
    """Name the splits of which a seed has other rows in the second than in the first."""
    pairs = list(zip(first, second, strict=True))
    names = dict.fromkeys(name for pair in pairs for each in pair for name in each)
    return [name for name in names if any(a.get(name) != b.get(name) for a, b in pairs)]


def _write(path: Path, found: Mapping[str, Any]) -> None:
    try:
        write_json(path, found)
    except OSError as error:
        raise RunError(f"--output {path} cannot be written to ({error.strerror})") from error


def _row(row: Mapping[str, Any], num_seeds: int) -> list[str]:
    if row["difference"] is None:
        return [*["–"] * 5, row["reason"]]
    half = row["high"] - row["difference"]
    numbers = map(shown, (row["first"], row["second"]))
    gain, wins = f"{row['difference']:+.4f}", f"{row['wins']}/{num_seeds}"
    p_value = "–" if row["p_value"] is None else f"{row['p_value']:.3f}"
    return [*numbers, gain, shown(half), p_value, wins]


def _listed(seeds: Sequence[int] | Mapping[int, Any]) -> str:
    return ", ".join(map(str, seeds)) or "none"
