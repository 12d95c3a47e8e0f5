"""Binary classification by a threshold on the similarity."""

import numpy as np
from jaxtyping import Bool, Float, Integer


def classification(
    scores: Float[np.ndarray, " n"],
    labels: Integer[np.ndarray, " n"] | Bool[np.ndarray, " n"],
    *,
    threshold: float | None = None,
) -> dict[str, float]:
    """Measure how well a threshold on the score tells positive pairs from negative ones.

    A pair is called positive when its score is **at least** the threshold. Without ``threshold``
    the one with the best F1 on these very pairs is searched among the scores (the highest, if
    several are best); F1 is then an upper bound. To measure fairly, search on the dev set and pass
    what was found, ``f1_threshold``, with the test set.

    Args:
        scores: similarities, finite.
        labels: 1 or True for a positive pair, 0 or False for a negative; both occur.
        threshold: in the unit of the scores; None searches.

    Returns:
        ``f1`` at the threshold, ``f1_threshold`` itself, ``average_precision`` (the area under
        precision over recall as a sum of steps; needs no threshold) and ``accuracy``, the share
        called right at the same threshold.

    Raises:
        ValueError: the lengths differ, a score is not finite, a label is neither 0 nor 1, or one of
            the two does not occur.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> scores, labels = np.array([0.9, 0.8, 0.3, 0.1]), np.array([1, 0, 1, 0])
        >>> found = metrics.classification(scores, labels)
        >>> found["f1"], found["f1_threshold"], found["accuracy"]
        (0.8, 0.3, 0.75)
    """
    from sklearn.metrics import average_precision_score, f1_score

    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    _check(scores, labels)
    if threshold is None:
        threshold = _best_threshold(scores, labels)
    called = scores >= threshold
    return {
        "f1": float(f1_score(labels, called)),
        "f1_threshold": float(threshold),
        "average_precision": float(average_precision_score(labels, scores)),
        "accuracy": float(np.mean(called == labels)),
    }


def _best_threshold(scores: Float[np.ndarray, " n"], labels: np.ndarray) -> float:
    """Return the highest score that, as the threshold, gives the best F1."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    total = precision + recall
    f1 = 2 * precision * recall / np.where(total > 0, total, 1)
    return float(thresholds[np.flatnonzero(np.isclose(f1, f1.max(), rtol=1e-12))[-1]])


def _check(scores: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what cannot be measured."""
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(
            "scores and labels must be equally long vectors, "
            f"got shapes {scores.shape} and {labels.shape}"
        )
    if not np.isfinite(scores).all():
        place = int(np.argmin(np.isfinite(scores)))
        raise ValueError(f"scores must be finite, score {place} is {scores[place]}")
    if sorted(np.unique(labels).tolist()) != [0, 1]:
        raise ValueError(
            f"labels must be 0 and 1, with both present, got {np.unique(labels)[:10].tolist()}; "
            "cut graded labels at a threshold first"
        )
