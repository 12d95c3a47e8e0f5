"""The trained scalars of a loss: the temperature, kept as its logarithm, within bounds; a bias."""

import jax.numpy as jnp
import numpy as np

from bscl_jax.types import Params

NAME = "log_temperature"
"""Its key in ``params``, where it is trained."""

BIAS = "logit_bias"
"""The key of a trained bias."""

LOWEST, HIGHEST = 1e-3, 10.0
"""Range of the temperature, dimensionless. Below it the float32 rounding error of a unit vectors'
similarity, divided by the temperature, passes 1e-4; above it the softmax is flat."""


def clamp_temperature(params: Params) -> Params:
    """Return params with the temperature brought back into its range; others as they are."""
    if NAME not in params:
        return params
    low, high = np.log(LOWEST), np.log(HIGHEST)
    return params | {NAME: jnp.clip(params[NAME], low, high)}
