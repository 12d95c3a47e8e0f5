"""The run folder: what is in it, and whether a run may start there."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bscl_jax import config as configs
from bscl_jax.cli._disk import aside, flush, write_json, write_whole

PATTERNS = frozenset("*?[")
"""What the path of a checkpoint must not hold."""

PLACE = ("run.dir", "training.devices")
"""Settings that say where a run is, not what it is: it goes on with others."""

LATER = {
    "encoder": "the model of encoder has",
    "target_encoder": "the model of target_encoder has",
    "prompts": "the prompts of the models have",
    "settings": "the settings in the folders of the models have",
    "orders": "the orders of shuffling.path have",
}
"""What a run notes beside its splits; one that began before that was noted goes on without."""

EXTRAS = "extras"
"""Under this a run notes the extra candidates of its batches, with the hashes."""

OUTCOME = ("baseline", "dev", "test", "best_epoch")
"""What the outcome of a run always has."""

SEED = "seed-"
"""The folder of one of several runs is named by this and its seed."""


class RunError(ValueError):
    """A run that cannot start where it was told to."""


class RunFolder(NamedTuple):
    """The paths of a run.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def data(self) -> Path:
        """The SHA-256 of each split, model and saved order, as the run began with it."""
        return self.path / "data.json"

    @property
    def metrics(self) -> Path:
        """One line a step and an evaluation."""
        return self.path / "metrics.jsonl"

    @property
    def quarantine(self) -> Path:
        """Rows of the data that were passed over, where they are to be kept."""
        return self.path / "quarantine.jsonl"

    @property
    def nonfinite(self) -> Path:
        """The step whose loss or gradient was not finite, where that ended the run."""
        return self.path / "nonfinite.json"

    @property
    def results(self) -> Path:
        """The outcome; written last, so that its presence says that the run is finished."""
        return self.path / "results.json"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, by step."""
        return self.path / "checkpoints"

    @property
    def orders(self) -> Path:
        """The order of each epoch, as text; ``shuffling: {kind: file, path: …}`` replays them.

        Beside each what its batches hold, as JSON, where that is measured.
        """
        return self.path / "orders"

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def read_batches(self) -> list[dict[str, Any]]:
        """Return what the batches of each epoch hold, in their order, as far as it was measured."""
        texts = [path.read_text(encoding="utf-8") for path in self.orders.glob("epoch-*.json")]
        return sorted(map(json.loads, texts), key=lambda facts: facts["epoch"])

    def state(self) -> Literal["new", "unfinished", "finished"]:
        """Say how far a run in this folder has come."""
        if self.results.is_file():
            return "finished"
        return "unfinished" if self.config.is_file() else "new"

    def holds_runs(self) -> bool:
        """Say whether runs of several seeds (``--runs``) are below this folder."""
        return any(self.path.glob(f"{SEED}*/config.yaml"))

    def read_results(self) -> dict[str, Any]:
        """Return the outcome of a finished run.

        Raises:
            RunError: the file is damaged.
        """
        try:
            results = dict(json.loads(self.results.read_text(encoding="utf-8")))
            if missing := [name for name in OUTCOME if name not in results]:
                raise ValueError(f"it lacks {', '.join(missing)}")
            return results
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{self.results} is damaged ({error}); remove it, and --resume writes it anew"
            ) from None

    def flush_log(self) -> None:
        """Force the log onto the disk, and the names by which it and the run are found."""
        for path in (self.metrics, self.path, self.path.parent):
            flush(path)

    def write_results(self, results: dict[str, Any]) -> None:
        """Write the outcome, once all else is on the disk; there is never half a file."""
        for path in [*self.path.rglob("*"), self.path]:
            flush(path)
        write_json(self.results, results)
        flush(self.path)


def check_may_start(folder: RunFolder, config: configs.Config, *, resume: bool) -> None:
    """Refuse to start over an unfinished run, and to resume with another config.

    Raises:
        RunError: with what to do instead.
    """
    if patterns := sorted(PATTERNS & set(str(folder.path.absolute()))):
        raise RunError(
            f"run.dir must hold no {' '.join(patterns)}, which Orbax would take for a pattern of "
            f"file names, was {folder.path.absolute()}; choose another with --set run.dir=…"
        )
    if folder.state() == "new":
        if folder.holds_runs():
            raise RunError(
                f"run.dir {folder.path} holds the runs of several seeds; go on with --runs, or "
                "choose another with --set run.dir=…"
            )
        path, unborn = folder.path, aside(folder.config)
        if path.exists() and (not path.is_dir() or any(one != unborn for one in path.iterdir())):
            raise RunError(
                f"run.dir {folder.path} exists and is no run folder; choose another with "
                "--set run.dir=…, or move it away"
            )
        return
    if not resume:
        raise RunError(
            f"{folder.path} holds an unfinished run; go on with --resume, choose another folder "
            "with --set run.dir=…, or remove it"
        )
    changes = differences(configs.load(folder.config), config, aside=PLACE)
    if changes:
        raise RunError(
            f"{folder.path} was started with another config ({'; '.join(changes)}); resume with "
            f"that one, {folder.config}, or choose another folder with --set run.dir=…"
        )


def check_in_place(path: Path, config: configs.Config, *, several: bool = False) -> None:
    """Refuse to begin anew with the config of an unfinished run whose folder was moved.

    Args:
        path: the config file.
        config: what it says.
        several: go on with the runs of several seeds, of which this may be one.

    Raises:
        RunError: with where the run is now.
    """
    there, here = RunFolder(Path(config.run.dir).expanduser()), RunFolder(path.parent)
    elsewhere = path.name == here.config.name and here.path.resolve() != there.path.resolve()
    unfinished = here.state() == "unfinished" and here.checkpoints.is_dir()
    if elsewhere and unfinished and there.state() == "new":
        of_seeds = several and here.path.name == f"{SEED}{config.run.seed}"
        raise RunError(
            f"the run in {here.path}, which began in {there.path}, was moved; add "
            f"--set run.dir={here.path.parent if of_seeds else here.path}"
        )


def check_not_finished(folder: RunFolder) -> None:
    """Refuse to change a run that has been finished since it was looked at.

    Raises:
        RunError: it has.
    """
    if folder.state() == "finished":
        raise RunError(
            f"another process has finished the run in {folder.path} meanwhile; the same command "
            "shows its results"
        )


def check_data(folder: RunFolder, hashes: Mapping[str, str]) -> None:
    """Refuse to go on with other data, models or orders than the run began with.

    Orders number the pairs, dev scores are compared, and results name the gain over the model that
    training began with.

    Args:
        folder: the run.
        hashes: by split, ``encoder``, …, the SHA-256 of what was read just now.

    Raises:
        RunError: naming what differs.
    """
    before = read_hashes(folder)
    if before is not None and (changed := describe_changes(before, hashes)):
        raise RunError(
            f"{changed} changed since the run in {folder.path} began; put back what was there, or "
            "choose another folder with --set run.dir=…"
        )


def check_siblings(siblings: Iterable[RunFolder], hashes: Mapping[str, str]) -> None:
    """Refuse a run that would have no mean with others of its seeds, as they had other data.

    Args:
        siblings: the others; those that have not begun, or noted nothing, are passed over.
        hashes: as in :func:`check_data`.

    Raises:
        RunError: naming what differs from which of them.
    """
    for other in siblings:
        before = read_hashes(other)
        if before is not None and (changed := describe_changes(before, hashes)):
            raise RunError(
                f"{changed} changed since the run in {other.path} began, with which there is no "
                "mean; put back what was there, or choose another folder with --set run.dir=…"
            )


def read_hashes(folder: RunFolder) -> dict[str, str] | None:
    """Return the hashes that a run noted as it began; None of one that noted nothing.

    Raises:
        RunError: the file is damaged.
    """
    noted = read_noted(folder)
    return noted and {name: value for name, value in noted.items() if name != EXTRAS}


def read_extras(folder: RunFolder) -> dict[str, int] | None:
    """Return the extra candidates of a batch that a run noted as it began, if it did.

    Raises:
        RunError: the file is damaged.
    """
    return (read_noted(folder) or {}).get(EXTRAS)


def read_noted(folder: RunFolder) -> dict[str, Any] | None:
    """Return all that a run noted as it began; None of one that noted nothing.

    Raises:
        RunError: the file is damaged.
    """
    if not folder.data.is_file():
        return None
    try:
        noted = dict(json.loads(folder.data.read_text(encoding="utf-8")))
        if EXTRAS in noted and not _are_extras(noted[EXTRAS]):
            raise ValueError(EXTRAS)
        return noted
    except (TypeError, ValueError):
        raise RunError(
            f"{folder.data} is damaged; remove it to go on with the data as they are now"
        ) from None


def _are_extras(found: Any) -> bool:
    """Tell whether these are the extra candidates of a batch as :func:`start` notes them."""
    is_table = isinstance(found, dict) and found.keys() == {"number", "multiple"}
    return is_table and all(isinstance(value, int) for value in found.values())


def describe_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Name what differs, as the subject of a sentence; nothing where nothing does."""
    names = before.keys() | now.keys()
    splits = sorted(name for name in names - LATER.keys() if before.get(name) != now.get(name))
    noted = before.keys() & now.keys() & LATER.keys()
    others = [LATER[name] for name in sorted(noted) if before[name] != now[name]]
    return " and ".join([f"the data of {', '.join(splits)} have"] * bool(splits) + others)


def start(
    folder: RunFolder,
    config: configs.Config,
    hashes: Mapping[str, str],
    extras: Mapping[str, int] | None = None,
) -> None:
    """Write the resolved config, with which a run begins, and what its data and models are.

    The extra candidates of its batches are noted too, as they depend on the devices.

    What ended an earlier start is gone.
    """
    write_whole(folder.config, configs.dump(config))
    write_json(folder.data, {**hashes, **({} if extras is None else {EXTRAS: dict(extras)})})
    folder.nonfinite.unlink(missing_ok=True)


def differences(
    old: configs.Config, new: configs.Config, *, aside: Collection[str] = ("run.dir",)
) -> list[str]:
    """Name the settings in which two configs differ, some aside, as a rule the run folder."""
    before, after = (_flat(configs.as_dict(config)) for config in (old, new))
    return [
        f"{key} was {before.get(key)!r}, is {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in aside
    ]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
