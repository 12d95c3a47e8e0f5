"""``bscl-jax batches``: what the batches of each epoch would hold, without training."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bscl_jax import assemble, reporting
from bscl_jax import config as configs
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._evaluate import read_config
from bscl_jax.cli._folder import RunError
from bscl_jax.cli._output import check_writable
from bscl_jax.cli._say import PatientConsole, say
from bscl_jax.types import Params

SAMPLED = 64
"""Batches of an epoch whose similarities are measured, at most."""

ONE_IN = 8
"""In a run, one batch in so many at most: a twenty-fourth of the work of an epoch, not a third."""


def batches(
    config_path: str,
    *,
    overrides: Sequence[str],
    epochs: int | None,
    model: str | None,
    output: str | None,
) -> int:
    """Put the training pairs into the order of each epoch and print what its batches hold.

    Orders and similarities are those of the model as it is loaded, in every epoch.

    Args:
        config_path: the run.
        overrides: ``section.key=value`` texts that win over the config.
        epochs: how many epochs; None takes those of the run. A run in stages has no more.
        model: a folder or a name that wins over ``encoder.name``.
        output: a JSON file for the facts; None writes none.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right.
    """
    console = PatientConsole(highlight=False)
    try:
        config = with_epochs(read_config(config_path, None, overrides, model), epochs)
        if output is not None:
            check_writable(output)
        with console.status("looking at the batches"):
            road = assemble.lay_road(config)
            records = [describe(road, epoch) for epoch in shown(road, epochs)]
        kinds = dict.fromkeys(stage.section.shuffling.kind for stage in road.stages)
        found = {
            "model": road.towers.source,
            "shuffling": ", then ".join(kinds),
            "batch_size": config.training.batch_size,
            "epochs": records,
        }
        if output is not None:
            write_json(Path(output), found)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    say(console, f"model      {found['model']}")
    say(console, f"data       {config.data.kind}, {len(road.task.train.queries)} training pairs")
    say(console, f"shuffling  {found['shuffling']}, batches of {found['batch_size']} pairs")
    console.print(reporting.batches_table(records, title=reporting.batches_note(records)))
    return 0


def measure_batches(
    road: assemble.Road, params: Params, order: np.ndarray, epoch: int
) -> dict[str, Any]:
    """Measure what the batches of an epoch hold that is about to be trained on."""
    most = min(SAMPLED, -(-road.num_batches // ONE_IN))
    return {"epoch": epoch, **road.batch_facts(params, order, most)}


def with_epochs(config: configs.Config, epochs: int | None) -> configs.Config:
    """Return the config with another number of epochs, if one is given; stages keep theirs."""
    if epochs is None or config.stages:
        return config
    return dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=epochs))


def shown(road: assemble.Road, epochs: int | None) -> range:
    """Return the first epochs of a run, all of them where no number is given.

    Raises:
        RunError: it has not so many.
    """
    last = road.stages[-1].epochs[-1]
    if epochs is not None and epochs > last:
        raise RunError(f"--epochs must be at most {last}, those of all stages, was {epochs}")
    return range(1, (epochs or last) + 1)


def describe(road: assemble.Road, epoch: int) -> dict[str, Any]:
    """Return what the batches of an epoch hold."""
    params = road.state.params
    return {"epoch": epoch, **road.batch_facts(params, road.order(params, epoch), SAMPLED)}
