"""The stages of a run, each with all its sections."""

from collections.abc import Mapping
from typing import Any

from bscl_jax.config._layers import merge
from bscl_jax.config._sections import Config, Stage, StageTraining

SHARED = ("loss", "shuffling", "optimizer")
"""Sections that a stage takes from the config where it does not say otherwise."""


def fill_stages(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Put each stage of a config over the config's own sections; what is no stage stays as it is.

    Example:
        >>> from bscl_jax.config._stages import fill_stages
        >>> raw = {"loss": {"kind": "combo", "mu": 0.5}, "training": {"epochs": 5, "batch_size": 9}}
        >>> filled = fill_stages(raw | {"stages": [{"name": "a"}, {"loss": {"kind": "pearson"}}]})
        >>> for stage in filled["stages"]:
        ...     print(stage)
        {'loss': {'kind': 'combo', 'mu': 0.5}, 'training': {'epochs': 5}, 'name': 'a'}
        {'loss': {'kind': 'pearson'}, 'training': {'epochs': 5}}
    """
    stages = raw.get("stages")
    if not isinstance(stages, list):
        return dict(raw)
    shared = {name: raw[name] for name in SHARED if name in raw}
    training = raw.get("training")
    if isinstance(training, dict) and "epochs" in training:
        shared["training"] = {"epochs": training["epochs"]}
    filled = [merge(shared, stage) if isinstance(stage, dict) else stage for stage in stages]
    return {**raw, "stages": filled}


def list_stages(config: Config) -> list[Stage]:
    """Return the stages of a run; a config that lists none is one stage.

    Example:
        >>> from bscl_jax import config
        >>> text = (
        ...     "{run: {dir: runs/example}, data: {kind: library_desk}, encoder: {kind: random}, "
        ...     "loss: {kind: combo}, shuffling: {kind: random}, evaluation: {measure: a/b}}"
        ... )
        >>> override = "stages=[{training: {epochs: 2}}, {loss: {kind: cosine_mse}}]"
        >>> stages = config.list_stages(config.parse(text, [override]))
        >>> [(stage.loss.kind, stage.training.epochs) for stage in stages]
        [('combo', 2), ('cosine_mse', 3)]
    """
    training = StageTraining(config.training.epochs)
    whole = Stage(config.loss, config.shuffling, config.optimizer, training)
    return config.stages or [whole]
