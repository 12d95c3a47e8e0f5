"""The epoch that leaves a run: what results, report and model card say of it."""

from typing import Any, NamedTuple

from bscl_jax import assemble, checkpoint
from bscl_jax import config as configs
from bscl_jax.cli._data import count_data, name_rows
from bscl_jax.cli._not_defined import describe_undefined
from bscl_jax.cli._stages import count_stages, describe_stages
from bscl_jax.types import BinaryPairs, EvaluationSet, Params, Task


class Kept(NamedTuple):
    """The epoch that is kept.

    Attributes:
        epoch: its number; 0 is the model before training.
        why: in words, why this one.
        dev: its dev scores; None where one is not defined.
        params: its parameters.
    """

    epoch: int
    why: str
    dev: dict[str, float | None]
    params: Params


def restore_best(
    checkpoints: checkpoint.Checkpoints, params: Params, measure: str, best: int
) -> Kept:
    """Return the epoch that is best by the dev measure, of those whose checkpoint is whole.

    Args:
        checkpoints: of the run.
        params: parameters of the same shapes.
        measure: the dev measure.
        best: the best epoch of all; where its checkpoint is damaged the next best is kept, under
            its own number and scores.
    """
    tree, facts = checkpoints.restore_best({"params": params}, partial=True)
    found = facts["evaluations"][-1]
    why = f"the best by dev {measure}"
    if found["epoch"] != best:
        why += f" but epoch {best}, whose checkpoint is damaged"
    return Kept(found["epoch"], why, found["dev"], tree["params"])


def binary_sets(task: Task) -> dict[str, EvaluationSet]:
    """Return the dev sets on which a threshold may be fitted, each under ``dev/`` and its name."""
    return {f"dev/{name}": each for name, each in task.dev.items() if isinstance(each, BinaryPairs)}


def unmeasured_sets(task: Task, kept: Kept) -> dict[str, EvaluationSet]:
    """Return the dev sets of which the kept epoch lacks a measure, each under ``dev/``."""
    names = {name.rpartition("/")[0] for name, value in kept.dev.items() if value is None}
    return {f"dev/{name}": each for name, each in task.dev.items() if name in names}


def describe_kept(
    config: configs.Config, road: assemble.Road, kept: Kept, threshold: float | None
) -> dict[str, Any]:
    """Return what ``results.json`` says of the kept epoch beside its scores, and of the data."""
    stage = assemble.stage_of(road.stages, kept.epoch)
    found = {
        "best_epoch": kept.epoch,
        "temperature": assemble.temperature(stage.section.loss, kept.params),
        "threshold": threshold,
        "data": count_data(road.task),
        "data_sha256": dict(road.hashes),
    }
    if config.stages:
        found |= {"best_stage": stage.name, "stages": count_stages(road.stages)}
    return found


def describe(
    config: configs.Config, road: assemble.Road, kept: Kept, results: dict[str, Any]
) -> dict[str, str]:
    """Return the short facts of a run that report and model card show."""
    facts = {
        "model": f"{base_model(config.encoder)} ({road.encoder.source})",
        "data": f"{config.data.kind}, {len(road.task.train.queries)} training {name_rows(config)}",
        "kept": f"epoch {kept.epoch} of {road.stages[-1].epochs[-1]}, {kept.why}",
    }
    if config.target_encoder is not None:
        source = road.towers.targets.encoder.source
        facts["model of the targets"] = f"{base_model(config.target_encoder)} ({source})"
    if config.stages:
        facts["stages"] = describe_stages(road.stages)
        facts["kept"] += f", in stage {results['best_stage']}"
    measure = config.evaluation.measure
    if kept.dev.get(measure) is not None:
        facts["dev"] = f"{measure} {kept.dev[measure]:.4f}"
    notes = [
        f"{name.replace('_', ' ')}: {count}"
        for name, count in results["data"].items()
        if count and name.endswith(("queries_in_both", "pairs_in_both", "_rejected"))
    ]
    if notes:
        facts["to note of the data"] = "; ".join(notes)
    if lines := describe_undefined(results.get("not_defined", {})):
        facts["not defined"] = "; ".join(lines)
    if results["temperature"] is not None:
        facts["temperature"] = f"{results['temperature']:.4f}"
    if results["threshold"] is not None:
        facts["threshold"] = f"{results['threshold']:.4f}, the cosine with the best F1 on dev"
    return facts


def base_model(section: configs.PretrainedEncoder | configs.RandomEncoder) -> str:
    """Return what was fine-tuned, as the model card names it."""
    return section.name if isinstance(section, configs.PretrainedEncoder) else "a random encoder"
