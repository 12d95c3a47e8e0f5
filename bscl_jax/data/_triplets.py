"""Triplets: every positive of a query with every negative of it."""

from bscl_jax.data._content import normalize_text
from bscl_jax.data._negatives import POSITIVE, known_positives
from bscl_jax.types import Pairs


def make_triplets(pairs: Pairs, *, threshold: float = POSITIVE) -> Pairs:
    """Return a row for each positive and each negative of one query (section 3 of the paper).

    Positives of a query are the targets of its pairs whose score is above the threshold; negatives
    those of its other pairs, and the hard negatives of all its pairs but what is known to belong to
    it (``drop_false_negatives``). Equal texts are one, and what is a positive is no negative. A
    query without a positive or without a negative has no row.

    Args:
        pairs: n pairs.
        threshold: score above which a pair is positive, in [0, 1].

    Returns:
        The triplets, query by query: positives as targets, without scores, each with one negative.

    Raises:
        ValueError: no query has a positive and a negative.

    Example:
        >>> from bscl_jax.data import make_triplets
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["a", "a", "a", "b"], ["good", "bad", "worse", "good"], [1, 0, 0, 1])
        >>> make_triplets(pairs)
        Pairs(queries=('a', 'a'), targets=('good', 'good'), scores=None, \
negatives=(('bad',), ('worse',)))
    """
    queries: dict[str, str] = {}
    positives: dict[str, dict[str, str]] = {}
    negatives: dict[str, dict[str, str]] = {}
    scores = pairs.scores or [1.0] * len(pairs.queries)
    hard = pairs.negatives or [()] * len(pairs.queries)
    known = known_positives(pairs, threshold)
    for query, target, score, texts, belonging in zip(
        pairs.queries, pairs.targets, scores, hard, known, strict=True
    ):
        key = normalize_text(query)
        queries.setdefault(key, query)
        of_query = (positives if score > threshold else negatives).setdefault(key, {})
        of_query.setdefault(normalize_text(target), target)
        for text in texts:
            if (name := normalize_text(text)) not in belonging:
                negatives.setdefault(key, {}).setdefault(name, text)
    rows = [
        (query, positive, (negative,))
        for key, query in queries.items()
        for positive in positives.get(key, {}).values()
        for name, negative in negatives.get(key, {}).items()
        if name not in positives[key]
    ]
    if not rows:
        raise ValueError(
            f"no query of the {len(pairs.queries)} training pairs has a positive (a score above "
            f"{threshold}) and a negative; label pairs, or give hard negatives"
        )
    texts, targets, given = zip(*rows, strict=True)
    return Pairs(texts, targets, None, given)
