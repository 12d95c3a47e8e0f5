"""What ``bscl-jax export`` can export: an epoch of a run, or any model that loads."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from bscl_jax import assemble, checkpoint, encoders, evaluation, export
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._kept import Kept, binary_sets, describe_kept, restore_best
from bscl_jax.cli._model import write_model
from bscl_jax.types import Params

Epoch = Literal["best", "last"]


class Exportable(NamedTuple):
    """A model that was found.

    Attributes:
        what: in words, which one.
        encoder: its encoder.
        params: its weights.
        half: whether this is the encoder of the queries alone, beside one of the documents.
        write_folder: writes it as a sentence-transformers folder.
    """

    what: str
    encoder: encoders.Encoder
    params: Params
    half: bool
    write_folder: Callable[[Path], None]


def from_run(folder: RunFolder, epoch: Epoch) -> Exportable:
    """Restore an epoch of a run, finished or not.

    Of a finished run the best is what the run itself has exported, results and all. The test split
    is looked at for no other: a run does so once, at its end.

    Raises:
        RunError: there is no such checkpoint.
    """
    config = configs.load(folder.config)
    one = dataclasses.replace(config.training, devices=1)  # whatever devices it was trained on
    road = assemble.lay_road(dataclasses.replace(config, training=one))
    kept = restore(folder, config.evaluation.measure, road.state.params, epoch)
    finished = epoch == "best" and folder.state() == "finished"

    def write(path: Path) -> None:
        fitted = road.observe(kept.params, binary_sets(road.task))
        results = describe_kept(config, road, kept, evaluation.fitted_threshold(fitted))
        if finished and (left := folder.read_results())["best_epoch"] == kept.epoch:
            results |= left  # else its checkpoint was damaged since
        write_model(path, config, road, kept, results, title=folder.path.name)

    what = f"{folder.path}, epoch {kept.epoch}, {kept.why}"
    encoder, weights = road.towers.queries.model(kept.params)
    return Exportable(what, encoder, weights, config.target_encoder is not None, write)


def restore(folder: RunFolder, measure: str, params: Params, epoch: Epoch) -> Kept:
    """Return the epoch that is best by the dev measure, or where the run has come to."""
    with checkpoint.Checkpoints(folder.checkpoints) as checkpoints:
        if not checkpoints.steps():
            raise RunError(
                f"{folder.path} has no checkpoint; go on with bscl-jax train --resume, or export "
                f"{folder.model} if that is there"
            )
        if epoch == "last":
            tree, facts = checkpoints.restore({"params": params}, partial=True)
            dev = facts["evaluations"][-1]["dev"] if facts["evaluated"] else {}
            why = f"step {facts['step']}, the newest checkpoint"
            return Kept(facts["epoch"], why, dev, tree["params"])
        newest = checkpoints.restore({"params": params}, partial=True)[1]
        best = newest.get("best")
        if best is None:
            raise RunError(
                f"{folder.path}: evaluation.measure {measure} is defined in no epoch so far, so "
                "that none is the best; take --epoch last"
            )
        kept = restore_best(checkpoints, params, measure, best["epoch"])
    if folder.state() == "finished":
        return kept
    return kept._replace(why=f"{kept.why} so far; the run is not finished")


def from_model(source: str) -> Exportable:
    """Load a model; its card, and what training has found of it, stay with it."""
    encoder, params = encoders.load(source)
    facts = export.read_facts(encoder.folder)

    def write(path: Path) -> None:
        export.sentence_transformers(path, encoder, params, **facts._asdict())

    return Exportable(encoder.source, encoder, params, False, write)
