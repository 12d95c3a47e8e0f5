"""How far a mean over a few runs can be trusted, and a difference between two sets of runs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Interval(NamedTuple):
    """A mean and its interval of confidence.

    Attributes:
        mean: the mean of the values.
        low: lower end; None where there is none.
        high: upper end; None where there is none.
        sd: standard deviation of the values, with n − 1; None for a single one.
        reason: why there is no interval; None where there is one.
    """

    mean: float
    low: float | None
    high: float | None
    sd: float | None
    reason: str | None


def interval(values: Float[np.ndarray, " n"], *, level: float = 0.95) -> Interval:
    """Return the mean of some values and its interval by Student's t.

    mean ± t(n − 1) · sd / √n, in float64. It speaks of what differs between the values and of
    nothing else: over runs that differ in their seed, of the seed, not of the choice of test set.

    Args:
        values: n finite values, one a run.
        level: the share of such intervals that hold the true mean, in (0, 1).

    Returns:
        The interval; of width 0 where all values are equal, none where there is one value only.

    Raises:
        ValueError: there is no value, one is not finite, or ``level`` is out of range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> found = metrics.interval(np.array([0.80, 0.82, 0.84]))
        >>> round(found.mean, 4), round(found.low, 4), round(found.high, 4), round(found.sd, 4)
        (0.82, 0.7703, 0.8697, 0.02)
    """
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"values must be finite, one at least, were {values.tolist()}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, was {level}")
    if values.size == 1:
        return Interval(float(values[0]), None, None, None, "a single value shows no spread")
    if values.min() == values.max():  # summing would round
        value = float(values[0])
        return Interval(value, value, value, 0.0, None)
    from scipy import stats

    mean, sd = float(values.mean()), float(values.std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, values.size - 1)) * sd / values.size**0.5
    return Interval(mean, mean - half, mean + half, sd, None)
