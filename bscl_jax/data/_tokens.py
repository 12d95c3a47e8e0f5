"""The training pairs as arrays, tokenized once and for all."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from bscl_jax.data._content import content_ids
from bscl_jax.data._negatives import POSITIVE, Negatives, tokenize_negatives
from bscl_jax.data._positives import KnownPositives, find_positives
from bscl_jax.data._ragged import Ragged, Tokenize, tokenize_all
from bscl_jax.data._sides import by_side
from bscl_jax.data._token_cache import TokenCache
from bscl_jax.types import Pairs

Tokenizer = Tokenize | TokenCache


class PairTokens(NamedTuple):
    """The tokenized training pairs. All fields have n rows.

    Attributes:
        queries: token ids of the first texts.
        targets: token ids of the second texts.
        scores: grade of each pair in [0, 1]; 1 where the data has no labels.
        query_ids: content ids of the first texts, see ``content_ids``.
        target_ids: content ids of the second texts.
        positives: which targets are known to belong to which query.
        negatives: the hard negatives; None where the data has none.
    """

    queries: Ragged
    targets: Ragged
    scores: Float32[np.ndarray, " n"]
    query_ids: Int32[np.ndarray, " n"]
    target_ids: Int32[np.ndarray, " n"]
    positives: KnownPositives
    negatives: Negatives | None = None


def tokenize_pairs(
    pairs: Pairs,
    tokenize: Tokenizer | tuple[Tokenizer, Tokenizer],
    *,
    threshold: float = POSITIVE,
) -> PairTokens:
    """Tokenize every text of the training pairs, once and for all.

    Args:
        pairs: n pairs, at least one.
        tokenize: from texts to their token ids: special tokens included, cut at the length limit.
            A ``TokenCache`` keeps what they come to. A tuple of two tokenizes the queries with the
            first, the rest with the second, such as where a prompt stands before the one or the
            other; content ids are of the bare texts.
        threshold: a pair with a score above it is positive: its target belongs to its query.

    Returns:
        The pairs as arrays.

    Raises:
        ValueError: if there are no pairs, the fields differ in length, a score is not finite in
            float32, or ``tokenize`` returns another number of rows or a row without tokens.

    Example:
        >>> from bscl_jax.data import tokenize_pairs
        >>> from bscl_jax.types import Pairs
        >>> def tokenize(texts): return [[1, *(len(word) for word in t.split()), 2] for t in texts]
        >>> store = tokenize_pairs(Pairs(["renew online?"], ["extend a loan"]), tokenize)
        >>> store.queries[0].tolist(), store.targets[0].tolist(), store.scores.tolist()
        ([1, 5, 7, 2], [1, 6, 1, 4, 2], [1.0])
    """
    n = len(pairs.queries)
    scores = np.ones(n) if pairs.scores is None else pairs.scores
    negatives = scores if pairs.negatives is None else pairs.negatives
    if not n == len(pairs.targets) == len(scores) == len(negatives) or n == 0:
        raise ValueError(
            "queries, targets, scores and negatives must be of one length, at least 1; "
            f"got {n}, {len(pairs.targets)}, {len(scores)} and {len(negatives)}"
        )
    query_ids, target_ids = content_ids(pairs.queries), content_ids(pairs.targets)
    grades = _as_grades(scores)
    tokenize_queries, tokenize_targets = by_side(tokenize)
    return PairTokens(
        queries=_all(pairs.queries, tokenize_queries),
        targets=_all(pairs.targets, tokenize_targets),
        scores=grades,
        query_ids=query_ids,
        target_ids=target_ids,
        positives=find_positives(query_ids, target_ids, grades, threshold=threshold),
        negatives=tokenize_negatives(
            pairs, partial(_all, tokenize=tokenize_targets), threshold=threshold
        ),
    )


def _as_grades(scores: Sequence[float] | np.ndarray) -> Float32[np.ndarray, " n"]:
    """Return scores in float32, where 1e39 is infinite."""
    with np.errstate(over="ignore"):
        grades = np.asarray(scores, dtype=np.float32)
    if not np.isfinite(grades).all():
        place = int(np.argmin(np.isfinite(grades)))
        raise ValueError(
            f"scores must be finite in float32, pair {place} has {scores[place]}; bring them to 0 "
            "to 1, or leave the pair out"
        )
    return grades


def _all(texts: Sequence[str], tokenize: Tokenizer) -> Ragged:
    if isinstance(tokenize, TokenCache):
        return tokenize.tokenize_all(texts)
    return tokenize_all(texts, tokenize)
