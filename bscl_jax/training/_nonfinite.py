"""Steps whose loss or gradient is not finite: the update is left out, and after a few the run ends.

An update that is left out leaves parameters and optimizer as they were, bit for bit: moments and
the count that the learning rate goes by too, so a schedule ends so many updates short of its end.
The step itself counts: the run goes on with the next batch, its number and its dropout.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Tree = TypeVar("Tree")

CHECKED = ("loss", "gradient_norm")
"""Facts of a step that must be finite."""


class NonFiniteError(FloatingPointError):
    """A run ended because a loss or gradient was not finite.

    Attributes:
        record: ``epoch``, ``batch`` (from 0), ``step`` and facts of the step.
        order: the rows of its epoch in their order.
    """

    def __init__(self, record: Mapping[str, Any], order: np.ndarray, in_a_row: int) -> None:
        name = next(name for name in CHECKED if not math.isfinite(record.get(name, 0)))
        times = f", the {in_a_row} steps before it were skipped too" if in_a_row else ""
        super().__init__(
            f"{name} is {record[name]} at step {record['step']} (epoch {record['epoch']}, batch "
            f"{record['batch']}{times}); no checkpoint holds this update; lower the learning "
            "rate, raise the temperature, or look at the pairs of this batch"
        )
        self.record, self.order = record, order


def is_finite(record: Mapping[str, Any]) -> bool:
    """Tell whether a step's loss and gradient norm are finite; one that has neither is."""
    return all(math.isfinite(record.get(name, 0)) for name in CHECKED)


def as_skip(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a skipped step, in JSON: None is what is not finite."""
    facts = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }
    return facts | {"event": "skip"}


def update_if_finite(
    loss: Float[Array, ""],
    gradient_norm: Float[Array, ""],
    update: Callable[[], Tree],
    former: Tree,
) -> Tree:
    """Return the updated tree if both numbers are finite, the former one otherwise; for a step.

    On a CPU the update is a branch of its own: a choice value by value becomes part of the loops
    that write the new moments, so that the old ones are copied for the parameters' sake first. On a
    GPU the host would wait for the answer.
    """
    finite: Bool[Array, ""] = jnp.isfinite(loss) & jnp.isfinite(gradient_norm)
    if jax.default_backend() == "cpu":
        return jax.lax.cond(finite, update, lambda: former)
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), update(), former)
