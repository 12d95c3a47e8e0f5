"""How far a mean over a few runs can be trusted, and a difference between two sets of runs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-12
"""Differences that spread by no more than this share of the values are equal: what is left is
rounding, which a t test would take for certainty."""


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


class PairedDifference(NamedTuple):
    """Two sets of runs beside each other.

    Attributes:
        first: mean of the first.
        second: mean of the second.
        difference: second − first, pair by pair: mean, interval, standard deviation.
        p_value: of the paired t test that the mean difference is 0; None where there is none.
        wins: pairs in which the second is higher.
        ties: pairs in which both are equal.
        reason: why there is no p value; None where there is one.
    """

    first: float
    second: float
    difference: Interval
    p_value: float | None
    wins: int
    ties: int
    reason: str | None


def paired_difference(
    first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"], *, level: float = 0.95
) -> PairedDifference:
    """Compare two sets of values that belong together in pairs, by Student's t.

    What a pair has in common, such as the seed, drops out of the differences.

    Args:
        first: n finite values.
        second: n finite values; value i of both is a pair.
        level: see :func:`interval`.

    Returns:
        Means, mean difference with its interval, and the two-sided p value of the paired t test.
        There is none for a single pair, nor where all differences are equal: t would divide by 0.

    Raises:
        ValueError: the lengths differ, or as :func:`interval`.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> found = metrics.paired_difference(np.array([0.5, 0.6, 0.7]), np.array([0.6, 0.6, 0.9]))
        >>> round(found.difference.mean, 4), round(found.p_value, 4), found.wins, found.ties
        (0.1, 0.2254, 2, 1)
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"both must be equally long, got {first.size} and {second.size} values")
    mean_first, mean_second = (interval(values, level=level).mean for values in (first, second))
    difference = interval(second - first, level=level)
    reason, p_value = difference.reason, None
    if difference.sd is not None:
        if difference.sd <= ROUNDING * max(np.abs(first).max(), np.abs(second).max()):
            reason = "all differences are equal"
        else:
            p_value = _p_value(difference.mean / difference.sd, first.size)
    wins, ties = int((second > first).sum()), int((second == first).sum())
    return PairedDifference(mean_first, mean_second, difference, p_value, wins, ties, reason)


def _p_value(effect: float, n: int) -> float:
    """Return the two-sided p value of the t test, from the mean over the standard deviation."""
    from scipy import stats

    return float(2 * stats.t.sf(abs(effect) * n**0.5, n - 1))
