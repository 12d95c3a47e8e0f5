"""The rows of an epoch: pairs, or triplets of them."""

from bscl_jax import config as configs
from bscl_jax import data
from bscl_jax.assemble._fits import named
from bscl_jax.assemble._loss import takes_triplets
from bscl_jax.types import Pairs


def make_rows(config: configs.Config, pairs: Pairs) -> Pairs:
    """Return the pairs, or the triplets that they make, as the loss asks for.

    Raises:
        ValueError: the pairs make no triplet, or a setting asks for other rows.
    """
    losses = [stage.loss for stage in configs.list_stages(config)]
    thresholds = {loss.threshold if takes_triplets(loss) else None for loss in losses}
    if len(thresholds) > 1:
        raise ValueError(
            "stages: all must train on the same rows; give loss.negatives: given to each, with one "
            "loss.threshold, or to none"
        )
    (threshold,) = thresholds
    if threshold is None:
        return pairs
    if config.training.num_negatives is not None:
        raise ValueError("training.num_negatives: a triplet has one negative; leave this out")
    with named("loss.negatives"):
        return data.make_triplets(pairs, threshold=threshold)
