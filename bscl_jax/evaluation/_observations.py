"""What a model shows on a set of texts, from which its measures and their intervals follow."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bscl_jax import metrics

DIGITS = 6
"""Decimals of an interval: beyond them it is rounding, which need not be the same everywhere."""


class QueryValues(NamedTuple):
    """Of a ranking or a retrieval.

    Attributes:
        values: by measure, its value for each query.
    """

    values: Mapping[str, np.ndarray]

    def measures(self) -> dict[str, float | None]:
        """Return the means over queries."""
        return {name: float(np.mean(values)) for name, values in self.values.items()}

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return the same as functions of how often each query is drawn, and the queries."""
        made = {name: metrics.resampled_mean(values) for name, values in self.values.items()}
        return made, len(next(iter(self.values.values())))


class GradedCosines(NamedTuple):
    """Of pairs with a graded similarity.

    Attributes:
        cosines: one a pair.
        grades: the human ones.
    """

    cosines: np.ndarray
    grades: np.ndarray

    def measures(self) -> dict[str, float | None]:
        """Return the correlations; None where one is not defined."""
        return metrics.correlation(self.cosines, self.grades)

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return the same as functions of how often each pair is drawn, and the pairs."""
        return metrics.resampled_correlation(self.cosines, self.grades), len(self.cosines)


class LabelledCosines(NamedTuple):
    """Of pairs that are alike or are not.

    Attributes:
        cosines: one a pair.
        labels: 1 for a pair that is alike, 0 for one that is not.
        threshold: the cosine from which a pair is called alike: the best by F1 of the pairs on
            which it was to be searched.
    """

    cosines: np.ndarray
    labels: np.ndarray
    threshold: float

    def measures(self) -> dict[str, float | None]:
        """Return F1 and accuracy at the threshold, F1 at the best for these pairs, and AP."""
        best = metrics.classification(self.cosines, self.labels)
        found = metrics.classification(self.cosines, self.labels, threshold=self.threshold)
        return {
            "f1": found["f1"],
            "best_f1": best["f1"],
            "accuracy": found["accuracy"],
            "average_precision": found["average_precision"],
        }

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return the same as functions of how often each pair is drawn, and the pairs."""
        made = metrics.resampled_classification(self.cosines, self.labels, threshold=self.threshold)
        return made, len(self.cosines)


Observation = QueryValues | GradedCosines | LabelledCosines


def summarize(observed: Mapping[str, Observation]) -> dict[str, float]:
    """Return the measures of what was observed.

    Args:
        observed: by set, as ``observe`` returns it.

    Returns:
        ``{"set/measure": value}`` in the order of the sets; without those that are not defined.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import evaluation
        >>> observed = {"toy": evaluation.QueryValues({"mrr": np.array([1.0, 0.5])})}
        >>> evaluation.summarize(observed)
        {'toy/mrr': 0.75}
    """
    return {
        f"{name}/{key}": value
        for name, each in observed.items()
        for key, value in each.measures().items()
        if value is not None
    }


def intervals(
    before: Mapping[str, Observation], after: Mapping[str, Observation]
) -> dict[str, dict[str, list[float]]]:
    """Return 95 % intervals of the measures of a model, and of their gain over another's.

    By :func:`bscl_jax.metrics.paired_bootstrap` with its defaults, over the queries of a ranking or
    a retrieval and over the pairs of other sets.

    Args:
        before: what the model showed before training, by set.
        after: the same after training, on the same sets.

    Returns:
        ``{"set/measure": {"trained": [low, high], "gain": [low, high]}}``, without the measures
        that are not defined on some of the samples.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import evaluation
        >>> before, after = (
        ...     {"toy": evaluation.QueryValues({"mrr": np.array(values)})}
        ...     for values in ([0.5] * 20, [1.0] * 20)
        ... )
        >>> evaluation.intervals(before, after)
        {'toy/mrr': {'trained': [1.0, 1.0], 'gain': [0.5, 0.5]}}
    """
    found: dict[str, dict[str, list[float]]] = {}
    for name, each in after.items():
        second, num_rows = each.resampled()
        first, _ = before[name].resampled()
        for key, (of_second, of_gain) in metrics.paired_bootstrap(first, second, num_rows).items():
            ends = {"trained": of_second, "gain": of_gain}
            found[f"{name}/{key}"] = {
                of: [round(end, DIGITS) + 0.0 for end in interval] for of, interval in ends.items()
            }
    return found


def fitted_threshold(observed: Mapping[str, Observation]) -> float | None:
    """Return the cosine from which a pair is called alike.

    Args:
        observed: what a model showed on the sets on which it may be chosen, those of dev.

    Returns:
        The threshold of the first set of pairs that are alike or are not, in [-1, 1]; None if there
        is no such set.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import evaluation
        >>> pairs = evaluation.LabelledCosines(np.array([0.9, 0.1]), np.array([1, 0]), 0.9)
        >>> evaluation.fitted_threshold({"pairs": pairs})
        0.9
    """
    for each in observed.values():
        if isinstance(each, LabelledCosines):
            return min(max(each.threshold, -1.0), 1.0)  # rounding makes cosines of 1.0000001
    return None
