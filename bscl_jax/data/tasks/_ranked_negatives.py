"""Labelled negatives from a corpus, at ranks that double: from rather hard to quite easy ones."""

from collections.abc import Sequence

import numpy as np

from bscl_jax.data._content import normalize_text
from bscl_jax.types import Pairs

FIRST_RANK = 100


def with_ranked_negatives(
    pairs: Pairs, corpus: Sequence[str], *, first_rank: int = FIRST_RANK
) -> Pairs:
    """Add negatives at ranks ``first_rank`` · 2^k, and repeat the positives as often.

    For each pair, the corpus is sorted by falling similarity to the query (cosine of TF-IDF), the
    texts that are known to answer it left out, and the ranks r, 2r, 4r, … are taken as far as they
    go. A pair of k negatives is k rows of score 1, each followed by a negative of score 0.

    Args:
        pairs: n positive pairs.
        corpus: the texts to take negatives from; equal ones are one.
        first_rank: r; the nearest text has rank 1.

    Returns:
        The pairs, with scores.

    Raises:
        ValueError: if the corpus is too small for one negative.

    Example:
        >>> from bscl_jax.data.tasks._ranked_negatives import with_ranked_negatives
        >>> from bscl_jax.types import Pairs
        >>> corpus = ["a cat sat", "a cat ran", "a dog ran", "no bird"]
        >>> more = with_ranked_negatives(Pairs(["cat sat"], ["a cat sat"]), corpus, first_rank=1)
        >>> more.targets
        ('a cat sat', 'a cat ran', 'a cat sat', 'a dog ran')
        >>> more.scores
        (1.0, 0.0, 1.0, 0.0)
    """
    candidates = {normalize_text(text): text for text in reversed(corpus)}
    keys = sorted(candidates)
    answers: dict[str, set[str]] = {}
    for query, target in zip(pairs.queries, pairs.targets, strict=True):
        answers.setdefault(normalize_text(query), set()).add(normalize_text(target))
    most = max(len(of_query) for of_query in answers.values())
    if len(keys) - most < first_rank:
        raise ValueError(
            f"negatives from rank {first_rank} on need a corpus of {first_rank + most} texts at "
            f"least, it has {len(keys)}; use negatives: none"
        )
    rows: list[tuple[str, str, float]] = []
    rankings = _rankings(pairs.queries, keys)
    for query, target, ranking in zip(pairs.queries, pairs.targets, rankings, strict=True):
        known = answers[normalize_text(query)]
        others = [keys[place] for place in ranking if keys[place] not in known]
        rank = first_rank
        while rank <= len(others):
            rows += [(query, target, 1.0), (query, candidates[others[rank - 1]], 0.0)]
            rank *= 2
    return Pairs(*(tuple(column) for column in zip(*rows, strict=True)))


def _rankings(queries: Sequence[str], corpus: Sequence[str]) -> list[np.ndarray]:
    """Sort the corpus for each query; texts without a common word come last, in turned order.

    They are most of a corpus and all alike: were they sorted the same way for every query, a few
    texts would be the negative of all.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b")
    documents = vectorizer.fit_transform(corpus)
    similarities = vectorizer.transform(queries) @ documents.T
    places = np.arange(len(corpus))
    rankings: list[np.ndarray] = []
    for number in range(len(queries)):
        row = np.round(similarities[[number]].toarray()[0], 9)
        turned = (places - number * 97) % len(corpus)
        rankings.append(np.lexsort((turned, -row)))
    return rankings
