"""``bscl-jax train --runs k``: one config with k seeds, each run in a folder of its own."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bscl_jax import config as configs
from bscl_jax import parallel, training
from bscl_jax.cli._folder import (
    PLACE,
    RunError,
    check_in_place,
    check_may_start,
    differences,
)
from bscl_jax.cli._processes import make_console
from bscl_jax.cli._say import say
from bscl_jax.cli._seeds import SeedsFolder, check_holds_runs, read_scores
from bscl_jax.cli._summary import show_summary, summarize
from bscl_jax.cli._train import train_one


def train_runs(config_path: str, *, overrides: Sequence[str], num_runs: int, resume: bool) -> int:
    """Train with the seeds ``run.seed``, ``run.seed`` + 1, … and say what came of them together.

    A seed that is finished is left alone. Whatever keeps one of the runs from starting shows before
    the first of them does.

    Args:
        config_path: the config file; ``run.dir`` holds the folders of the runs.
        overrides: ``section.key=value`` texts that win over the file.
        num_runs: how many seeds, from 1.
        resume: go on with the unfinished run, if there is one.

    Returns:
        The exit status: 0, or 75 (SIGTERM) or 130 (SIGINT).

    Raises:
        RunError: what the user can put right.
    """
    console = make_console()

    def prepare() -> tuple[configs.Config, SeedsFolder, dict[int, configs.Config]]:
        config = configs.load(config_path, overrides)
        if resume:
            check_in_place(Path(config_path), config, several=True)
        folder = SeedsFolder(Path(config.run.dir).expanduser())
        seeded = with_seeds(config, folder, num_runs)
        check_may_all_start(folder, seeded, resume=resume)
        return config, folder, seeded

    with training.signals() as own:
        stop = training.StopTogether(own)
        try:
            config, folder, seeded = parallel.together(prepare)
        except (ValueError, OSError, parallel.ProcessError) as error:
            raise RunError(str(error)) from error
        for number, (seed, each) in enumerate(seeded.items(), 1):
            if folder.run(seed).state() == "finished":
                say(console, f"seed {seed} (run {number} of {num_runs}) is finished")
                continue
            if stop():
                say(console, f"stopped before seed {seed}; the same command with --resume goes on")
                return stop.exit_code
            say(console, f"seed {seed} (run {number} of {num_runs})")
            siblings = [folder.run(other) for other in seeded if other != seed]
            if status := train_one(each, console, stop, resume=resume, siblings=siblings):
                return status
    scores = {seed: read_scores(folder.run(seed)) for seed in seeded}
    check_same_data(folder, scores)
    summary = summarize(scores, config.evaluation.measure)
    try:
        parallel.by_first(partial(folder.write_summary, summary))
    except parallel.ProcessError as error:
        raise RunError(str(error)) from error
    show_summary(console, folder, summary)
    return 0


def check_same_data(folder: SeedsFolder, scores: Mapping[int, Mapping[str, Any]]) -> None:
    """Refuse the mean of runs on different data.

    Args:
        folder: of the runs.
        scores: what ``read_scores`` gives, by seed.

    Raises:
        RunError: naming two of them.
    """
    first, *others = scores
    for other in others:
        if scores[other]["data_sha256"] != scores[first]["data_sha256"]:
            raise RunError(
                f"the data of {folder.run(other).path} are not those of {folder.run(first).path}; "
                "choose another folder with --set run.dir=…, or remove the older of the two"
            )


def with_seeds(
    config: configs.Config, folder: SeedsFolder, num_runs: int
) -> dict[int, configs.Config]:
    """Return the config of each run, by its seed."""
    first = config.run.seed
    return {
        seed: configs.parse(configs.dump(_placed(config, folder, seed)), source="--runs")
        for seed in range(first, first + num_runs)
    }


def check_may_all_start(
    folder: SeedsFolder, seeded: Mapping[int, configs.Config], *, resume: bool
) -> None:
    """Refuse a folder with something else in it, or with a run that was of another config.

    Raises:
        RunError: with what to do instead.
    """
    check_holds_runs(folder)
    for seed, config in seeded.items():
        run = folder.run(seed)
        if run.state() != "finished":
            check_may_start(run, config, resume=resume)
        elif changes := differences(configs.load(run.config), config, aside=PLACE):
            raise RunError(
                f"{run.path} was trained with another config ({'; '.join(changes)}), which has no "
                "mean with yours; choose another folder with --set run.dir=…"
            )


def _placed(config: configs.Config, folder: SeedsFolder, seed: int) -> configs.Config:
    place = dataclasses.replace(config.run, dir=str(folder.run(seed).path), seed=seed)
    return dataclasses.replace(config, run=place)
