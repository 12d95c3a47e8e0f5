"""Spearman and Pearson correlation with human grades."""

import warnings

import numpy as np
from jaxtyping import Float


def correlation(
    predicted: Float[np.ndarray, " n"], gold: Float[np.ndarray, " n"]
) -> dict[str, float | None]:
    """Correlate predicted similarities with human grades.

    ``spearman`` is Pearson's r of the ranks, tied values sharing their mean rank; ``pearson`` is r
    of the values. Both by scipy, in float64. The paper reports 100 times Spearman.

    Args:
        predicted: the model's similarities, finite.
        gold: the grades, on any scale, finite.

    Returns:
        ``{"spearman": …, "pearson": …}`` in [−1, 1]. A correlation with a constant is not defined:
        where all predictions are equal (a collapsed model) or all grades are, both values are None,
        never nan; likewise ``pearson`` where values differ by rounding only.

    Raises:
        ValueError: the lengths differ, there are fewer than two pairs, or a value is not finite.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> metrics.correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 3.0]))["spearman"]
        1.0
    """
    predicted, gold = np.asarray(predicted, np.float64), np.asarray(gold, np.float64)
    if predicted.shape != gold.shape or predicted.size < 2:
        raise ValueError(
            "predicted and gold must be equally long, with two values at least, "
            f"got shapes {predicted.shape} and {gold.shape}"
        )
    for name, values in (("predicted", predicted), ("gold", gold)):
        if not np.isfinite(values).all():
            place = int(np.argmin(np.isfinite(values)))
            raise ValueError(f"{name} must be finite, value {place} is {values[place]}")
    return {
        "spearman": _statistic("spearmanr", predicted, gold),
        "pearson": _statistic("pearsonr", predicted, gold),
    }


def _statistic(
    name: str, predicted: Float[np.ndarray, " n"], gold: Float[np.ndarray, " n"]
) -> float | None:
    """Call scipy; what it warns of as degenerate is not defined."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("error", stats.DegenerateDataWarning)
        try:
            return float(getattr(stats, name)(predicted, gold).statistic)
        except stats.DegenerateDataWarning:
            return None
