"""The folder of several runs that differ in their seed: ``seed-0/``, ``seed-1/`` and so on."""

from pathlib import Path
from typing import Any, NamedTuple

from bscl_jax import reporting
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import SEED, RunError, RunFolder


class SeedsFolder(NamedTuple):
    """The paths of several runs.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def summary(self) -> Path:
        """What the runs came to together; written last."""
        return self.path / "runs.json"

    def run(self, seed: int) -> RunFolder:
        """The run of one seed."""
        return RunFolder(self.path / f"{SEED}{seed}")

    def seeds(self) -> list[int]:
        """The seeds of all runs that were started here, the smallest first."""
        names = (path.parent.name for path in self.path.glob(f"{SEED}*/config.yaml"))
        numbers = (name.removeprefix(SEED) for name in names)
        return sorted(int(number) for number in numbers if number.isdecimal())

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write what the runs came to; there is never half a file.

        Raises:
            RunError: it cannot be written.
        """
        try:
            write_json(self.summary, summary)
        except OSError as error:
            raise RunError(
                f"{self.summary} cannot be written ({error.strerror}); the runs are finished, and "
                "the same command again writes it"
            ) from error


def check_holds_runs(folder: SeedsFolder) -> None:
    """Refuse a folder of something else; beside runs that were started there anything may lie.

    Raises:
        RunError: with what to do instead.
    """
    path = folder.path
    if RunFolder(path).state() != "new":
        raise RunError(
            f"run.dir {path} holds a single run; leave out --runs, or choose another with "
            "--set run.dir=…"
        )
    if folder.seeds():
        return
    if path.exists() and not (path.is_dir() and all(map(_is_ours, path.iterdir()))):
        raise RunError(
            f"run.dir {path} exists and is no folder of runs; choose another with "
            "--set run.dir=…, or move it away"
        )


def read_scores(folder: RunFolder) -> dict[str, Any]:
    """Return the outcome of a finished run, hashes of its data, and ``dev_baseline`` of its log.

    Raises:
        RunError: a file is missing or damaged.
    """
    try:
        results = folder.read_results()
        records = reporting.read_metrics(folder.metrics)
        baseline = next(r for r in records if r["event"] == "evaluation" and r["epoch"] == 0)
        kept = {name: results[name] for name in ("baseline", "dev", "test", "best_epoch")}
    except RunError:
        raise
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise RunError(
            f"the finished run in {folder.path} cannot be read ({type(error).__name__}: {error}); "
            "remove that folder and train its seed again"
        ) from error
    hashes = results.get("data_sha256", {})
    return {**kept, "data_sha256": hashes, "dev_baseline": baseline["dev"]}


def read_finished(folder: SeedsFolder) -> dict[int, dict[str, Any]]:
    """Return the outcome of every finished run, by its seed, the smallest first.

    Raises:
        RunError: there are no runs of several seeds, or one is damaged.
    """
    seeds = folder.seeds()
    if not seeds:
        single = RunFolder(folder.path)
        what = "no runs of several seeds"
        if single.state() != "new":
            what = f"a single run (its scores are in {single.results.name}), {what}"
        raise RunError(f"{folder.path} holds {what}; train --runs 3 makes them")
    runs = {seed: folder.run(seed) for seed in seeds}
    return {seed: read_scores(run) for seed, run in runs.items() if run.state() == "finished"}


def _is_ours(path: Path) -> bool:
    return path.name.startswith((SEED, "runs.json"))
