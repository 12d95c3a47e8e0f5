"""Re-ranking of each query's own candidates, with graded labels."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from bscl_jax.metrics._retrieval import check_depths

NoPositive = Literal["zero", "skip"]


def ranking(
    scores: Sequence[Float[np.ndarray, " _"]],
    grades: Sequence[Float[np.ndarray, " _"]],
    *,
    ks: Sequence[int] = (1, 5),
    threshold: float = 0.5,
    no_positive: NoPositive = "zero",
) -> dict[str, float]:
    """Measure how well each query's own list of candidates is ranked.

    A candidate is positive when its grade is **above** ``threshold``. The means over queries of

    - ``mrr``: 1 / rank of the first positive,
    - ``map``: the mean over positives of the precision at their ranks,
    - ``precision@k``: positives among the first k, divided by k, however short the list is,
    - ``has_positive@k``: 1 if there is a positive among the first k,
    - ``ndcg@k``: Σ_{i≤k} g_i / log2(i + 1) over its largest possible value, g the grades
      themselves (linear gain, as trec_eval has it), whatever the threshold.

    **Ties are pessimistic**: among equal scores the lower grade stands first.

    Args:
        scores: for each query the scores of its candidates, at least one; no nan.
        grades: for each query the grades of the same candidates, finite and ≥ 0 (the paper: to 1).
        ks: depths, each ≥ 1.
        threshold: grades above it are positive, in the unit of the grades.
        no_positive: what becomes of a query without a positive. ``"zero"`` counts 0 for ``mrr``,
            ``map``, ``precision`` and ``has_positive`` (trec_eval); ``"skip"`` leaves the query out
            of all means. An nDCG whose best possible gain is 0 counts 0.

    Returns:
        The measures, each in [0, 1].

    Raises:
        ValueError: lengths differ, a list is empty, a score is nan, a grade is negative or not
            finite, a depth is below 1, ``no_positive`` is unknown, or no query is left.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> scores = [np.array([0.9, 0.8, 0.1]), np.array([0.3, 0.6])]
        >>> grades = [np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0])]
        >>> found = metrics.ranking(scores, grades, ks=(1,))
        >>> found["mrr"], found["precision@1"], found["ndcg@1"]
        (0.75, 0.5, 0.5)

    References:
        Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques. TOIS 20(4), 2002.
    """
    options = {"ks": ks, "threshold": threshold, "no_positive": no_positive}
    values = ranking_by_query(scores, grades, **options)
    return {name: float(np.mean(of_query)) for name, of_query in values.items()}


def ranking_by_query(
    scores: Sequence[Float[np.ndarray, " _"]],
    grades: Sequence[Float[np.ndarray, " _"]],
    *,
    ks: Sequence[int] = (1, 5),
    threshold: float = 0.5,
    no_positive: NoPositive = "zero",
) -> dict[str, Float[np.ndarray, " q"]]:
    """Return the values of each query of which :func:`ranking` gives the means.

    Args:
        scores: as there.
        grades: as there.
        ks: as there.
        threshold: as there.
        no_positive: as there; ``"skip"`` leaves a query out here too.

    Returns:
        By measure, its value for each query that is not left out, in [0, 1].

    Raises:
        ValueError: as there.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> scores, grades = [np.array([0.9, 0.8]), np.array([0.3])], [np.eye(2)[1], np.ones(1)]
        >>> metrics.ranking_by_query(scores, grades)["mrr"].tolist()
        [0.5, 1.0]
    """
    check_depths(ks)
    if no_positive not in get_args(NoPositive):
        known = ", ".join(get_args(NoPositive))
        raise ValueError(f"no_positive must be one of {known}, got {no_positive!r}")
    if len(scores) != len(grades):
        raise ValueError(
            f"scores and grades must be of equally many queries, got {len(scores)} "
            f"and {len(grades)}"
        )
    lists = [
        _sorted_grades(np.asarray(s), np.asarray(g), query)
        for query, (s, g) in enumerate(zip(scores, grades, strict=True))
    ]
    if no_positive == "skip":
        lists = [each for each in lists if each.max() > threshold]
    if not lists:
        raise ValueError(
            f"no query is left to measure: of {len(scores)} none has a grade above {threshold}; "
            "lower the threshold or pass more queries"
        )
    each = [_measures(sorted_grades, ks, threshold) for sorted_grades in lists]
    return {name: np.array([values[name] for values in each], np.float64) for name in each[0]}


def _sorted_grades(
    scores: Float[np.ndarray, "..."], grades: Float[np.ndarray, "..."], query: int
) -> Float[np.ndarray, " c"]:
    """Return the grades by falling score; among equal scores the worst first."""
    if scores.ndim != 1 or grades.ndim != 1:
        raise ValueError(
            "scores and grades must hold an array of candidates for each query, query "
            f"{query} has shapes {scores.shape} and {grades.shape}"
        )
    if scores.shape != grades.shape or scores.size == 0:
        raise ValueError(
            "each query must have candidates, with one score and one grade each, "
            f"query {query} has {scores.size} scores and {grades.size} grades"
        )
    if np.isnan(scores).any():
        raise ValueError(f"scores must not be nan, query {query} holds one")
    if not ((grades >= 0) & (grades < np.inf)).all():
        raise ValueError(f"grades must be finite and ≥ 0, query {query} holds {grades.tolist()}")
    return grades[np.lexsort((grades, -scores))]


def _measures(
    grades: Float[np.ndarray, " c"], ks: Sequence[int], threshold: float
) -> dict[str, float]:
    """Return the measures of one query from its grades in ranked order."""
    ranks = np.flatnonzero(grades > threshold) + 1
    found = len(ranks) > 0
    measures = {
        "mrr": 1 / ranks[0] if found else 0.0,
        "map": np.mean(np.arange(1, len(ranks) + 1) / ranks) if found else 0.0,
    }
    best = np.sort(grades)[::-1]
    discounts = 1 / np.log2(np.arange(2, len(grades) + 2))
    for k in ks:
        ideal = best[:k] @ discounts[:k]
        measures[f"precision@{k}"] = np.count_nonzero(ranks <= k) / k
        measures[f"has_positive@{k}"] = float(np.any(ranks <= k))
        measures[f"ndcg@{k}"] = grades[:k] @ discounts[:k] / ideal if ideal > 0 else 0.0
    return measures
