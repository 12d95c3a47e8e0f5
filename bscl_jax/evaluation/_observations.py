"""What a model shows on a set of texts, from which its measures and their intervals follow."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bscl_jax import metrics
from bscl_jax.evaluation._not_defined import NotDefined

AT_THRESHOLD = ("f1", "accuracy")
"""The measures that need a threshold; it is searched on the pairs of dev."""


class QueryValues(NamedTuple):
    """Of a ranking or a retrieval.

    Attributes:
        values: by measure, its value for each query.
    """

    values: Mapping[str, np.ndarray]

    def measures(self) -> dict[str, float | None]:
        """Return the means over queries."""
        return {name: float(np.mean(values)) for name, values in self.values.items()}

    def undefined(self) -> dict[str, str]:
        """Return nothing: each query has a value."""
        return {}

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

    def undefined(self) -> dict[str, str]:
        """Return why a correlation is not defined, by its name."""
        if np.ptp(self.grades) == 0:
            reason = f"all grades are {self.grades[0]:g}"
        elif np.ptp(self.cosines) == 0:
            reason = "the model gives every pair the same similarity"
        else:
            reason = "similarities or grades differ by rounding only"
        return {name: reason for name, value in self.measures().items() if value is None}

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return the same as functions of how often each pair is drawn, and the pairs."""
        return metrics.resampled_correlation(self.cosines, self.grades), len(self.cosines)


class LabelledCosines(NamedTuple):
    """Of pairs that are alike or are not.

    Attributes:
        cosines: one a pair.
        labels: 1 for a pair that is alike, 0 for one that is not.
        threshold: the cosine from which a pair is called alike: the best by F1 of the pairs on
            which it was to be searched; None where those cannot tell.
    """

    cosines: np.ndarray
    labels: np.ndarray
    threshold: float | None

    def measures(self) -> dict[str, float | None]:
        """Return F1 and accuracy at the threshold, F1 at the best for these pairs, and AP."""
        best = metrics.classification(self.cosines, self.labels)
        found: dict[str, float | None] = dict.fromkeys(AT_THRESHOLD)
        if self.threshold is not None:
            found |= metrics.classification(self.cosines, self.labels, threshold=self.threshold)
        return {
            "f1": found["f1"],
            "best_f1": best["f1"],
            "accuracy": found["accuracy"],
            "average_precision": best["average_precision"],
        }

    def undefined(self) -> dict[str, str]:
        """Return why F1 and accuracy are not defined, where there is no threshold for them."""
        reason = "there is no threshold: the pairs it is searched on are of one label, or none"
        return {} if self.threshold is not None else dict.fromkeys(AT_THRESHOLD, reason)

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return the same as functions of how often each pair is drawn, and the pairs."""
        threshold = np.inf if self.threshold is None else self.threshold
        made = metrics.resampled_classification(self.cosines, self.labels, threshold=threshold)
        return {name: made[name] for name in made if name not in self.undefined()}, len(self.labels)


Observation = QueryValues | GradedCosines | LabelledCosines | NotDefined
