"""From the terms of the rows to the loss: the one place that knows what a mean divides by."""

from collections.abc import Hashable

import jax.numpy as jnp
from jaxtyping import Array, Float

from bscl_jax.losses._gather import gather

REDUCTIONS = ("batch", "positives", "none")


def reduce(
    terms: Float[Array, " b"],
    labels: Float[Array, " b"] | None,
    kind: str,
    axis_name: Hashable | None,
) -> Float[Array, ""] | Float[Array, " b"]:
    """Weighs the terms by the labels and takes this device's mean.

    The mean over all devices of what is returned is the loss of the whole batch, so ``"positives"``
    divides by the labels' sum over all devices and multiplies by the number of devices.
    """
    weighted = terms if labels is None else terms * labels
    if kind == "none":
        return weighted
    if kind == "batch" or labels is None:
        return jnp.mean(weighted)
    everyone = gather(labels, axis_name)
    total = jnp.sum(everyone)
    share = total * (labels.size / everyone.size)
    return jnp.where(total > 0, jnp.sum(weighted) / jnp.where(total > 0, share, 1), 0)
