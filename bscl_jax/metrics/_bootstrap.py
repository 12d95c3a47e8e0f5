"""How far a measure, and its gain, can be trusted from one run: the test rows drawn anew."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bscl_jax.metrics._resampled import Counts, Measure

BLOCK = 2**20
"""Counts that are held at a time."""


class Bootstrapped(NamedTuple):
    """Intervals of a measure over samples of the rows.

    Attributes:
        second: low and high of the second model's.
        gain: low and high of second − first, on the same samples.
    """

    second: tuple[float, float]
    gain: tuple[float, float]


def paired_bootstrap(
    first: Mapping[str, Measure],
    second: Mapping[str, Measure],
    num_rows: int,
    *,
    num_samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Bootstrapped]:
    """Compare two models on one test set by what chance in the choice of its rows would do.

    The percentile bootstrap: as many rows as there are (queries, pairs) are drawn with replacement,
    ``num_samples`` times, both models are measured on the same draws, and the middle ``level`` of
    the values is the interval. It speaks of the test rows and of nothing else: neither seeds nor
    training texts nor a corpus are drawn anew.

    Args:
        first: measures of the first model by name, as :func:`resampled_mean`,
            :func:`resampled_correlation` and :func:`resampled_classification` make them.
        second: the same of the second.
        num_rows: n, the rows that both were measured on.
        num_samples: samples drawn; 1000 settle an end of the interval to a tenth of its width.
        level: share of the samples within the interval, in (0, 1).
        seed: of the draws.

    Returns:
        The intervals of the measures that both have. One that is not defined on some sample (a
        correlation of one pair, drawn n times) has none and is left out.

    Raises:
        ValueError: ``num_rows`` or ``num_samples`` is below 1, or ``level`` out of range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> first, second = np.array([0.0, 1.0] * 50), np.array([1.0, 1.0] * 50)
        >>> models = ({"mrr": metrics.resampled_mean(values)} for values in (first, second))
        >>> found = metrics.paired_bootstrap(*models, 100)["mrr"]
        >>> found.second, np.round(found.gain, 2).tolist()
        ((1.0, 1.0), [0.4, 0.6])

    References:
        Efron, Tibshirani: An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
    """
    if min(num_rows, num_samples) < 1:
        raise ValueError(f"rows and samples must be at least 1, were {num_rows} and {num_samples}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, was {level}")
    names = [name for name in second if name in first]
    blocks = [
        [(second[name](counts), first[name](counts)) for name in names]
        for counts in _draws(num_rows, num_samples, seed)
    ]
    found: dict[str, Bootstrapped] = {}
    for name, parts in zip(names, zip(*blocks, strict=True), strict=True):
        after, before = (np.concatenate(each) for each in zip(*parts, strict=True))
        if np.isfinite(after - before).all():
            found[name] = Bootstrapped(_middle(after, level), _middle(after - before, level))
    return found


def _draws(num_rows: int, num_samples: int, seed: int) -> Iterator[Counts]:
    """Yield how often each row is drawn, for some samples at a time."""
    generator = np.random.default_rng(seed)
    at_a_time = max(BLOCK // num_rows, 1)
    for start in range(0, num_samples, at_a_time):
        size = min(at_a_time, num_samples - start)
        rows = generator.integers(num_rows, size=(size, num_rows))
        rows += np.arange(size)[:, None] * num_rows
        counts = np.bincount(rows.ravel(), minlength=rows.size)
        yield counts.reshape(size, num_rows).astype(np.float64)


def _middle(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
