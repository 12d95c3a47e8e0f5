"""How the learning rate goes up and down."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def warm_up_and_decay(
    num_steps: int, warmup: float
) -> Callable[[int | Int[Array, ""]], Float[Array, ""]]:
    """Return the linear rise and fall of the learning rate, as a share of its peak.

    With N steps in all, of which W = round(warmup · N) warm up, step u = 1 … N takes the share
    min(u / W, (N + 1 − u) / (N + 1 − W)): 1 at step W, and never 0, which comes after step N.

    Args:
        num_steps: N, steps of the whole run.
        warmup: share of the steps in which the rate rises, in [0, 1].

    Returns:
        A function of the steps done (u − 1; an Optax schedule) to the share, in [0, 1].

    Raises:
        ValueError: if num_steps < 1 or warmup is outside [0, 1].

    Example:
        >>> from bscl_jax import training
        >>> share = training.warm_up_and_decay(4, 0.5)
        >>> [round(float(share(done)), 2) for done in range(5)]
        [0.5, 1.0, 0.67, 0.33, 0.0]

    Differs: the schedule that the paper's code takes from its library starts at 0, so that the
    first step changes nothing; this one is a step ahead.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup must be a share of the steps in [0, 1], got {warmup}; try 0.1")
    rising = round(warmup * num_steps)
    falling = num_steps + 1 - rising

    def share(done: int | Int[Array, ""]) -> Float[Array, ""]:
        number = jnp.float32(done) + 1
        down = jnp.maximum(num_steps + 1 - number, 0) / falling
        return jnp.minimum(number / rising, down) if rising else down

    return share
