"""Measures of samples of the rows, from how often each row is drawn: no sample is ever sorted."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Integer

Counts = Float[np.ndarray, "r n"]
Measure = Callable[[Counts], Float[np.ndarray, " r"]]
"""How often each of n rows stands in each of r samples → a measure of each sample."""


def resampled_mean(values: Float[np.ndarray, " n"]) -> Measure:
    """Make the mean of values as a function of how often each is drawn.

    Args:
        values: a value a row, such as the reciprocal rank of a query.

    Returns:
        ``(r, n)`` counts, each row of the same sum → ``(r,)`` means.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> mean = metrics.resampled_mean(np.array([1.0, 0.5]))
        >>> mean(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
        [0.75, 0.5]
    """
    return lambda counts: counts @ values / counts.sum(axis=1)


def resampled_correlation(
    predicted: Float[np.ndarray, " n"], gold: Float[np.ndarray, " n"]
) -> dict[str, Measure]:
    """Make the measures of :func:`correlation` as functions of how often each pair is drawn.

    Args:
        predicted: the model's similarities, finite.
        gold: the grades, finite.

    Returns:
        ``spearman`` and ``pearson``, each from ``(r, n)`` counts to ``(r,)``; nan for a sample on
        which it is not defined.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> measures = metrics.resampled_correlation(np.array([0.1, 0.2, 0.9]), np.arange(3.0))
        >>> measures["spearman"](np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])).round(6).tolist()
        [1.0, 1.0]
    """
    predicted, gold = np.asarray(predicted, np.float64), np.asarray(gold, np.float64)
    x, y = predicted - predicted.mean(), gold - gold.mean()

    def spearman(counts: Counts) -> Float[np.ndarray, " r"]:
        middle = (counts.sum(axis=1, keepdims=True) + 1) / 2  # the mean of all ranks
        u, v = _ranks(predicted, counts) - middle, _ranks(gold, counts) - middle
        weighted = counts * u
        covariance, spread = _sum(weighted, v), _sum(weighted, u)
        return _ratio(covariance, np.sqrt(spread * _sum(counts * v, v)))

    def pearson(counts: Counts) -> Float[np.ndarray, " r"]:
        total = counts.sum(axis=1)
        means = counts @ x / total, counts @ y / total
        covariance = counts @ (x * y) / total - means[0] * means[1]
        spreads = [counts @ (z * z) / total - m * m for z, m in zip((x, y), means, strict=True)]
        varied = _varies(x, counts) & _varies(y, counts)
        return _ratio(covariance, np.sqrt(np.maximum(spreads[0] * spreads[1], 0)) * varied)

    return {"spearman": spearman, "pearson": pearson}


def resampled_classification(
    scores: Float[np.ndarray, " n"],
    labels: Integer[np.ndarray, " n"] | Bool[np.ndarray, " n"],
    *,
    threshold: float,
) -> dict[str, Measure]:
    """Make the measures of :func:`classification` as functions of how often each pair is drawn.

    Args:
        scores: similarities, finite.
        labels: 1 or True for a positive pair, 0 or False for a negative.
        threshold: scores from it on are called positive; the same for all samples.

    Returns:
        ``f1`` and ``accuracy`` at the threshold, ``best_f1`` at the best one of each sample, and
        ``average_precision``, each from ``(r, n)`` counts to ``(r,)``. F1 and average precision of
        a sample without a positive pair are nan.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> scores, labels = np.array([0.9, 0.8, 0.3, 0.1]), np.array([1, 0, 1, 0])
        >>> measures = metrics.resampled_classification(scores, labels, threshold=0.3)
        >>> {name: measure(np.ones((1, 4))).round(4).tolist() for name, measure in measures.items()}
        {'f1': [0.8], 'best_f1': [0.8], 'accuracy': [0.75], 'average_precision': [0.8333]}
    """
    scores, positive = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    called = np.asarray(scores >= threshold, np.float64)
    falling = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[falling], append=-np.inf))  # of each group of equal scores

    def f1(counts: Counts) -> Float[np.ndarray, " r"]:
        hits, total = counts @ (positive * called), counts @ positive
        return _ratio(2 * hits, np.where(total > 0, total + counts @ called, 0))

    def at_all(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hits and calls at each threshold, and the positives there are."""
        ordered = counts[:, falling]
        hits = np.cumsum(ordered * positive[falling], axis=1)[:, last]
        return hits, np.cumsum(ordered, axis=1)[:, last], hits[:, -1:]

    def best_f1(counts: Counts) -> Float[np.ndarray, " r"]:
        hits, calls, total = at_all(counts)
        return _ratio(2 * hits, np.where(total > 0, calls + total, 0)).max(axis=1)

    def average_precision(counts: Counts) -> Float[np.ndarray, " r"]:
        hits, calls, total = at_all(counts)
        precision = hits / np.maximum(calls, 1)
        return _ratio(_sum(np.diff(hits, prepend=0, axis=1), precision), total[:, 0])

    accuracy = resampled_mean((positive == called).astype(np.float64))
    return {
        "f1": f1,
        "best_f1": best_f1,
        "accuracy": accuracy,
        "average_precision": average_precision,
    }


def _ranks(values: Float[np.ndarray, " n"], counts: Counts) -> Counts:
    """Rank of each row's value within each sample, from 1 on; equal values share the mean."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    of_group = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(of_group, axis=1) - (of_group - 1) / 2
    return ranks[:, np.unique(values, return_inverse=True)[1]]


def _varies(values: Float[np.ndarray, " n"], counts: Counts) -> Bool[np.ndarray, " r"]:
    """Whether two different values are drawn; a sum of squares tells it up to rounding only."""
    drawn = counts > 0
    lowest = np.where(drawn, values, np.inf).min(axis=1)
    return lowest < np.where(drawn, values, -np.inf).max(axis=1)


def _sum(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " r"]:
    return np.einsum("rn,rn->r", a, b)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide a by b; nan where b is 0."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
