"""What the batches of an epoch are made of: repetitions in them, and how hard the negatives are."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer


class BatchTexts(NamedTuple):
    """Which texts of a batch of b pairs are the same, or belong together.

    Attributes:
        query_ids: content ids, equal where the queries are.
        target_ids: the same for the targets.
        known: True at (i, j) where target j is a known positive of query i.
    """

    query_ids: Integer[np.ndarray, " b"]
    target_ids: Integer[np.ndarray, " b"]
    known: Bool[np.ndarray, "b b"]


class BatchSimilarities(NamedTuple):
    """How similar queries are to their own target and to c candidates.

    Attributes:
        own: similarity with the own target, one for each of r queries.
        candidates: similarities with the candidates.
        negative: True where a candidate is a negative of the query.
    """

    own: Float[np.ndarray, " r"]
    candidates: Float[np.ndarray, "r c"]
    negative: Bool[np.ndarray, "r c"]


def batch_texts(batches: Iterable[BatchTexts]) -> dict[str, float]:
    """Measure how often texts come together in a batch that are no negatives of each other.

    A batch of b pairs has b (b − 1) couples: a pair i and another one j, whose target is a
    candidate of query i. Couples are counted over all batches, then divided, so a short batch
    weighs by its couples.

    Args:
        batches: those of an epoch, without rows that only fill up the last one.

    Returns:
        - ``distinct_queries``: the distinct query texts of a batch, the mean over batches,
        - ``duplicates``: share of the couples whose queries, or whose targets, are the same text,
        - ``known_positives``: share of the couples in which target j is a known positive of query
          i: without masking they would be negatives.

        A share is nan where there are no couples, as in batches of one.

    Raises:
        ValueError: there is no batch.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> known = np.array([[True, True, False], [True, True, False], [False, True, True]])
        >>> batch = metrics.BatchTexts(np.array([1, 1, 2]), np.array([3, 4, 5]), known)
        >>> for name, value in metrics.batch_texts([batch]).items():
        ...     print(f"{name} {value:.3f}")
        distinct_queries 2.000
        duplicates 0.333
        known_positives 0.500
    """
    number = queries = couples = duplicates = positives = 0
    for batch in batches:
        b = len(batch.query_ids)
        others = ~np.eye(b, dtype=bool)
        same = _equal(batch.query_ids) | _equal(batch.target_ids)
        number += 1
        queries += len(np.unique(batch.query_ids))
        couples += b * (b - 1)
        duplicates += int(np.count_nonzero(same & others))
        positives += int(np.count_nonzero(batch.known & others))
    if number == 0:
        raise ValueError("an epoch must have at least one batch, got none")
    return {
        "distinct_queries": queries / number,
        "duplicates": _share(duplicates, couples),
        "known_positives": _share(positives, couples),
    }


def batch_negatives(batches: Iterable[BatchSimilarities]) -> dict[str, float]:
    """Measure how hard the negatives of batches are.

    Args:
        batches: similarities of the batches, all on one scale, such as the cosine.

    Returns:
        - ``similarity``: the mean similarity of a query and a negative of it,
        - ``hard``: share of the negatives that are more similar to their query than its own
          target is; one that is just as similar is not hard.

        Both are over all negatives of all batches, and nan where there are none.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> own, candidates = np.array([0.8, 0.4]), np.array([[0.8, 0.0], [0.5, 0.4]])
        >>> batch = metrics.BatchSimilarities(own, candidates, ~np.eye(2, dtype=bool))
        >>> metrics.batch_negatives([batch])
        {'similarity': 0.25, 'hard': 0.5}
    """
    negatives, total, hard = 0, 0.0, 0
    for own, candidates, negative in batches:
        negatives += int(np.count_nonzero(negative))
        total += float(np.sum(candidates, where=negative, dtype=np.float64))
        hard += int(np.count_nonzero(negative & (candidates > own[:, np.newaxis])))
    return {"similarity": _share(total, negatives), "hard": _share(hard, negatives)}


def _equal(ids: Integer[np.ndarray, " b"]) -> Bool[np.ndarray, "b b"]:
    return ids[:, np.newaxis] == ids


def _share(part: int | float, whole: int) -> float:
    return part / whole if whole else float("nan")
