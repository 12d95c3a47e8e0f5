"""What is left of a run that ended because a loss or gradient was not finite."""

import numpy as np

from bscl_jax import checkpoint, training
from bscl_jax import config as configs
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import RunFolder


def keep_nonfinite(
    folder: RunFolder, config: configs.Config, error: training.NonFiniteError
) -> None:
    """Write what ``bscl-jax replay`` goes by: the step, its rows and the checkpoint before it.

    Rows are those of the training pairs, from 0, as in ``orders/``; those with which a last batch
    is filled up come last. ``checkpoint`` is the newest step before, None for the run's start.
    """
    batch_size, record = config.training.batch_size, error.record
    places = record["batch"] * batch_size + np.arange(batch_size)
    with checkpoint.Checkpoints(folder.checkpoints) as checkpoints:
        before = [step for step in checkpoints.steps() if step < record["step"]]
    facts = {
        "step": record["step"],
        "epoch": record["epoch"],
        "batch": record["batch"],
        "loss": str(record["loss"]),
        "gradient_norm": str(record["gradient_norm"]),
        "seed": config.run.seed,
        "checkpoint": max(before, default=None),
        "rows": error.order.take(places, mode="wrap").tolist(),
    }
    write_json(folder.nonfinite, facts)
