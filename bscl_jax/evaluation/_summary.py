"""What was observed on several sets, summed up: measures, intervals, reasons, the threshold."""

from collections.abc import Mapping

from bscl_jax import metrics
from bscl_jax.evaluation._observations import LabelledCosines, Observation

DIGITS = 6
"""Decimals of an interval: beyond them it is rounding, which need not be the same everywhere."""


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


def undefined(observed: Mapping[str, Observation]) -> dict[str, str]:
    """Return the measures that are not defined on what was observed, each with the reason.

    Args:
        observed: by set, as ``observe`` returns it.

    Returns:
        ``{"set/measure": reason}``: of an empty set, of one in which all labels or grades are the
        same, of a model that gives all pairs one similarity.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import evaluation
        >>> collapsed = evaluation.GradedCosines(np.ones(3), np.arange(3.0))
        >>> evaluation.undefined({"toy": collapsed})["toy/spearman"]
        'the model gives every pair the same similarity'
    """
    return {
        f"{name}/{key}": reason
        for name, each in observed.items()
        for key, reason in each.undefined().items()
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
        that are not defined for one of the models or on some of the samples.

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
        (first, _), (second, num_rows) = before[name].resampled(), each.resampled()
        for key in (*before[name].undefined(), *each.undefined()):
            second.pop(key, None)
        if not (first and second):
            continue
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
        is no such set, or none on which a threshold can be searched.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import evaluation
        >>> pairs = evaluation.LabelledCosines(np.array([0.9, 0.1]), np.array([1, 0]), 0.9)
        >>> evaluation.fitted_threshold({"pairs": pairs})
        0.9
    """
    for each in observed.values():
        if isinstance(each, LabelledCosines) and each.threshold is not None:
            return min(max(each.threshold, -1.0), 1.0)  # rounding makes cosines of 1.0000001
    return None
