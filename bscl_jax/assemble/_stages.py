"""Which stage of a run an epoch is in."""

from collections.abc import Sequence
from typing import NamedTuple

from bscl_jax import config as configs


class Stage(NamedTuple):
    """A stage and its place in the run.

    Attributes:
        name: what it is called; not necessarily by this one alone.
        section: its loss, order, optimizer and length.
        epochs: its epochs; 1 is the first of the run.
        place: what stands before the names of its settings in the config.
    """

    name: str
    section: configs.Stage
    epochs: range
    place: str


def list_stages(config: configs.Config) -> list[Stage]:
    """Return the stages of a run; a config that lists none is one stage."""
    stages: list[Stage] = []
    for i, section in enumerate(configs.list_stages(config)):
        first = stages[-1].epochs.stop if stages else 1
        epochs = range(first, first + section.training.epochs)
        name, place = section.name or section.loss.kind, f"stages.{i}." if config.stages else ""
        stages.append(Stage(name, section, epochs, place))
    return stages


def stage_of(stages: Sequence[Stage], epoch: int) -> Stage:
    """Return the stage that an epoch is in; before training it is the first."""
    return next(stage for stage in stages if epoch < stage.epochs.stop)
