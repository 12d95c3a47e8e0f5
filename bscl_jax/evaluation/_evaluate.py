"""An ``embed`` function and sets of texts → measures."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bscl_jax import metrics
from bscl_jax.evaluation._cosines import make_cosines
from bscl_jax.evaluation._embed import Embed
from bscl_jax.evaluation._look_up import Vectors, look_up
from bscl_jax.evaluation._not_defined import NOT_FINITE, NotDefined, why_not_defined
from bscl_jax.evaluation._observations import (
    GradedCosines,
    LabelledCosines,
    Observation,
    QueryValues,
)
from bscl_jax.evaluation._sides import check_lengths, sides
from bscl_jax.evaluation._summary import summarize
from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet, ScoredPairs

DEPTHS = (1, 5)
"""The k of a ranking's precision@k, has_positive@k and ndcg@k."""

SIMILARITIES_AT_ONCE = 1 << 26
"""Of queries and a corpus; float32, a quarter of a GiB."""


def measures(each: EvaluationSet) -> tuple[str, ...]:
    """Return the names of the measures that :func:`evaluate` gives for a set.

    Example:
        >>> from bscl_jax.evaluation import measures
        >>> from bscl_jax.types import ScoredPairs
        >>> measures(ScoredPairs(["renew?"], ["extend?"], [5.0]))
        ('spearman', 'pearson')
    """
    if isinstance(each, RetrievalSet):
        return ("mrr", "map", *(f"has_positive@{k}" for k in each.depths))
    if isinstance(each, RankingSet):
        names = ("precision", "has_positive", "ndcg")
        return ("mrr", "map", *(f"{name}@{k}" for k in DEPTHS for name in names))
    if isinstance(each, BinaryPairs):
        return ("f1", "best_f1", "accuracy", "average_precision")
    return ("spearman", "pearson")


def evaluate(
    embed: Embed | tuple[Embed, Embed], sets: Mapping[str, EvaluationSet]
) -> dict[str, float]:
    """Score every set by cosine similarity.

    Each distinct text is embedded once, however many sets it is in.

    Args:
        embed: texts → float32 ``(n, d)``. A tuple of two embeds queries, and the first texts of
            pairs, with the first; documents, and the second texts, with the second.
        sets: what to score, by name. A ``RetrievalSet`` gives the measures of
            :func:`bscl_jax.metrics.retrieval`, a ``RankingSet`` those of
            :func:`bscl_jax.metrics.ranking` (a query without a positive counts 0), ``ScoredPairs``
            those of :func:`bscl_jax.metrics.correlation`. ``BinaryPairs`` give ``f1`` and
            ``accuracy`` at the threshold with the best F1 on the pairs that they are to be fitted
            on, ``best_f1`` at the best for themselves (an upper bound: what the paper reports),
            and ``average_precision``.

    Returns:
        ``{"set/measure": value}`` in the order of the sets. A measure that is not defined is left
        out: those of a set that is empty or holds one label only, a correlation of a model that
        gives every pair the same cosine. :func:`undefined` of what :func:`observe` returns says
        which and why.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import evaluate
        >>> from bscl_jax.types import RetrievalSet
        >>> letters = lambda texts: np.array([[t.count("a"), t.count("b")] for t in texts], float)
        >>> sets = {"toy": RetrievalSet(["aab"], ["aa", "bb"], [[0]])}
        >>> evaluate(letters, sets)["toy/mrr"]
        1.0
    """
    return summarize(observe(embed, sets))


def observe(
    embed: Embed | tuple[Embed, Embed], sets: Mapping[str, EvaluationSet]
) -> dict[str, Observation]:
    """Return what every measure of :func:`evaluate` follows from, and its intervals too.

    Args:
        embed: as there.
        sets: as there.

    Returns:
        By set, the values of its queries or the cosines of its pairs.

    Raises:
        ValueError: the columns of a set are not equally long.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import observe
        >>> from bscl_jax.types import RetrievalSet
        >>> letters = lambda texts: np.array([[t.count("a"), t.count("b")] for t in texts], float)
        >>> sets = {"toy": RetrievalSet(["aab", "b"], ["aa", "bb"], [[0], [0]])}
        >>> observe(letters, sets)["toy"].values["mrr"].tolist()
        [1.0, 0.5]
    """
    for name, each in sets.items():
        check_lengths(name, each)
    queries, targets = (
        [text for each in sets.values() for text in sides(each)[side]] for side in (0, 1)
    )
    of_queries, of_targets = look_up(embed, queries, targets)
    return {name: _observe(each, of_queries, of_targets) for name, each in sets.items()}


def observe_splits(
    observe: Callable[[Mapping[str, EvaluationSet]], Mapping[str, Observation]],
    splits: Mapping[str, Mapping[str, EvaluationSet]],
) -> dict[str, dict[str, Observation]]:
    """Observe all sets of several splits at once, so that what they share is embedded once.

    Args:
        observe: from sets, by name, to what is observed on each.
        splits: the sets of each split, by its name and theirs.

    Returns:
        What is observed, by split and set.

    Example:
        >>> import numpy as np
        >>> from functools import partial
        >>> from bscl_jax.evaluation import observe, observe_splits
        >>> from bscl_jax.types import RetrievalSet
        >>> letters = lambda texts: np.array([[t.count("a"), t.count("b")] for t in texts], float)
        >>> dev, test = (RetrievalSet([query], ["aa", "bb"], [[0]]) for query in ("aab", "b"))
        >>> splits = {"dev": {"toy": dev}, "test": {"toy": test}}
        >>> found = observe_splits(partial(observe, letters), splits)
        >>> found["test"]["toy"].values["mrr"].tolist()
        [0.5]
    """
    together = {f"{split}/{name}": each for split in splits for name, each in splits[split].items()}
    found = observe(together)
    return {split: {name: found[f"{split}/{name}"] for name in splits[split]} for split in splits}


def _observe(each: EvaluationSet, of_queries: Vectors, of_targets: Vectors) -> Observation:
    reason = why_not_defined(each)
    if reason is not None:
        return NotDefined(measures(each), reason)
    if isinstance(each, RetrievalSet):
        return _retrieve(each, of_queries(each.queries), of_targets(each.corpus))
    similarities = _similarities(each, of_queries, of_targets)
    if not _is_finite(similarities):
        return NotDefined(measures(each), NOT_FINITE)
    if isinstance(each, RankingSet):
        grades = [np.asarray(of_query, np.float64) for of_query in each.grades]
        options = {"ks": DEPTHS, "threshold": each.threshold}
        return QueryValues(metrics.ranking_by_query(similarities, grades, **options))
    if isinstance(each, ScoredPairs):
        return GradedCosines(similarities, np.asarray(each.scores, np.float64))
    fit = similarities if each.fit is None else _similarities(each.fit, of_queries, of_targets)
    threshold = _search_threshold(fit, each.fit or each)
    return LabelledCosines(similarities, np.asarray(each.labels), threshold)


def _retrieve(each: RetrievalSet, queries: np.ndarray, corpus: np.ndarray) -> Observation:
    """Look for the relevant documents of some queries at a time: no matrix of all is built."""
    at_once = max(1, SIMILARITIES_AT_ONCE // max(1, len(corpus)))
    cosines = make_cosines(corpus)
    found: list[dict[str, np.ndarray]] = []
    for start in range(0, len(queries), at_once):
        block = slice(start, start + at_once)
        with np.errstate(invalid="ignore"):
            similarities = cosines(queries[block])
        if not _is_finite(similarities):
            return NotDefined(measures(each), NOT_FINITE)
        relevant = each.relevant[block]
        found.append(metrics.retrieval_by_query(similarities, relevant, ks=each.depths))
    return QueryValues({name: np.concatenate([part[name] for part in found]) for name in found[0]})


def _search_threshold(cosines: np.ndarray, pairs: BinaryPairs) -> float | None:
    """Return the threshold with the best F1; None where the pairs do not tell."""
    if why_not_defined(pairs) is not None or not _is_finite(cosines):
        return None
    return metrics.classification(cosines, np.asarray(pairs.labels))["f1_threshold"]


def _similarities(
    each: RankingSet | ScoredPairs | BinaryPairs, of_queries: Vectors, of_targets: Vectors
) -> Any:
    """Return cosines: a row a query (of a ranking, of its own documents), or one a pair."""
    with np.errstate(invalid="ignore"):  # what is not finite is looked for afterwards
        if isinstance(each, RankingSet):
            lists = zip(of_queries(each.queries), each.documents, strict=True)
            return [make_cosines(of_targets(documents))(query) for query, documents in lists]
        return np.sum(of_queries(each.first) * of_targets(each.second), axis=1)


def _is_finite(similarities: np.ndarray | list[np.ndarray]) -> bool:
    arrays = similarities if isinstance(similarities, list) else [similarities]
    return all(np.isfinite(each).all() for each in arrays)
