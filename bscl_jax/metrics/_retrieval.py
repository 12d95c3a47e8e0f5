"""Retrieval from a corpus: MRR, MAP and HasPositive@k."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from bscl_jax.metrics._ranks import ranks


def retrieval(
    similarities: Float[np.ndarray, "q c"],
    relevant: Sequence[Sequence[int]],
    *,
    ks: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Measure how high the relevant documents of a corpus stand.

    :func:`ranks` followed by :func:`rank_measures`, which say how ties are broken and what the
    measures are.

    Args:
        similarities: one row per query, one column per document of the corpus; no nan.
        relevant: for each query the columns of its relevant documents, at least one, each once.
        ks: depths for HasPositive@k, each ≥ 1.

    Returns:
        ``{"mrr": …, "map": …, "has_positive@1": …, "has_positive@5": …}``, each in [0, 1].

    Raises:
        ValueError: there is no query, or the arguments do not fit each other (see :func:`ranks`).

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> metrics.retrieval(np.array([[0.9, 0.1, 0.5], [0.2, 0.7, 0.8]]), [[0], [1]], ks=(1,))
        {'mrr': 0.75, 'map': 0.75, 'has_positive@1': 0.5}
    """
    return rank_measures(ranks(similarities, relevant), ks=ks)


def retrieval_by_query(
    similarities: Float[np.ndarray, "q c"],
    relevant: Sequence[Sequence[int]],
    *,
    ks: Sequence[int] = (1, 5),
) -> dict[str, Float[np.ndarray, " q"]]:
    """Return the values of each query of which :func:`retrieval` gives the means.

    Args:
        similarities: as there.
        relevant: as there.
        ks: as there.

    Returns:
        By measure, its value for each query, in [0, 1].

    Raises:
        ValueError: as there.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> similarities = np.array([[0.9, 0.1, 0.5], [0.2, 0.7, 0.8]])
        >>> metrics.retrieval_by_query(similarities, [[0], [1]])["mrr"].tolist()
        [1.0, 0.5]
    """
    return _by_query(ranks(similarities, relevant), ks)


def rank_measures(
    ranks_by_query: Sequence[Int64[np.ndarray, " _"]], *, ks: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """Measure retrieval from the ranks of the relevant documents.

    With r_1 < … < r_R the ranks of the relevant documents of one query, the means over queries of

    - ``mrr``: 1 / r_1,
    - ``map``: (1/R) Σ_j j / r_j, the average precision over the whole ranking,
    - ``has_positive@k``: 1 if r_1 ≤ k, else 0 (the paper's HasPositive@k; also named Success@k or
      accuracy@k).

    Args:
        ranks_by_query: for each query the ranks of its relevant documents, rising from 1 on, as
            :func:`ranks` returns them.
        ks: depths for HasPositive@k, each ≥ 1.

    Returns:
        The measures, each in [0, 1].

    Raises:
        ValueError: there is no query, or a depth is below 1.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import metrics
        >>> metrics.rank_measures([np.array([1, 4]), np.array([2])], ks=(1, 2))
        {'mrr': 0.75, 'map': 0.625, 'has_positive@1': 0.5, 'has_positive@2': 1.0}
    """
    values = _by_query(ranks_by_query, ks)
    return {name: float(np.mean(of_query)) for name, of_query in values.items()}


def _by_query(
    ranks_by_query: Sequence[Int64[np.ndarray, " _"]], ks: Sequence[int]
) -> dict[str, Float[np.ndarray, " q"]]:
    if len(ranks_by_query) == 0:
        raise ValueError("a retrieval set must have at least one query, got none")
    check_depths(ks)
    first = np.array([found[0] for found in ranks_by_query])
    precisions = [np.mean(np.arange(1, len(found) + 1) / found) for found in ranks_by_query]
    values = {"mrr": 1 / first, "map": np.array(precisions)}
    return values | {f"has_positive@{k}": (first <= k).astype(np.float64) for k in ks}


def check_depths(ks: Sequence[int]) -> None:
    """Refuse a depth that no ranking has."""
    if any(k < 1 for k in ks):
        raise ValueError(f"ks must be depths ≥ 1, got {tuple(ks)}; use for example (1, 5)")
