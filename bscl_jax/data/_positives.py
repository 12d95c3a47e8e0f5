"""Which texts are known to belong to a query, by all pairs of the data and not only its own."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32, Int64, Integer

from bscl_jax.data._ragged import Ragged


@dataclass(frozen=True)
class KnownPositives:
    """The texts that are no negatives of the queries of n pairs, of which m are distinct.

    Attributes:
        ids: for each distinct query the content ids, rising, of the targets known to belong to it.
        of_rows: for each pair the place of its query among the distinct ones.
        most_elsewhere: the most of these that any query has as targets of other queries.
    """

    ids: Ragged
    of_rows: Int64[np.ndarray, " n"]
    most_elsewhere: int


def find_positives(
    query_ids: Int32[np.ndarray, " n"],
    target_ids: Int32[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    *,
    threshold: float,
) -> KnownPositives:
    """Find for each query the targets of the data, by content, that are known to belong to it.

    These are the targets of all pairs with that query whose score is above the threshold, the
    queries of all such pairs of which it is the target (positive pairs are read both ways round),
    and its own text. What follows by two pairs, a target of a target, is not known.

    Args:
        query_ids: content ids of the first texts.
        target_ids: those of the second texts.
        scores: grade of each pair, in [0, 1].
        threshold: a pair above it is positive.

    Returns:
        What is known.
    """
    good = scores > threshold
    asked = np.concatenate([query_ids, query_ids[good], target_ids[good]])
    known = np.concatenate([query_ids, target_ids[good], query_ids[good]])
    kept = np.isin(asked, query_ids) & np.isin(known, target_ids)
    queries, of_rows = np.unique(query_ids, return_inverse=True)
    places, known = np.searchsorted(queries, asked[kept]), known[kept]
    _, first = np.unique(_keys(places, known), return_index=True)
    places, known = places[first], known[first]
    offsets = np.searchsorted(places, np.arange(len(queries) + 1))

    _, first = np.unique(_keys(of_rows, target_ids), return_index=True)
    targets, num_queries = np.unique(target_ids[first], return_counts=True)
    own = np.isin(_keys(places, known), _keys(of_rows, target_ids))
    elsewhere = num_queries[np.searchsorted(targets, known)] > own
    most = np.bincount(places[elsewhere]).max(initial=0)
    return KnownPositives(Ragged(known, offsets.astype(np.int64)), of_rows, int(most))


def known_couples(
    positives: KnownPositives,
    rows: Integer[np.ndarray, " b"],
    target_ids: Int32[np.ndarray, " b"],
) -> Bool[np.ndarray, "b b"]:
    """Mark, among the pairs of a batch, the targets that are known to belong to a query.

    Args:
        positives: what is known of all pairs.
        rows: the pairs of the batch.
        target_ids: content ids of their targets.

    Returns:
        True at (i, j) where target j is a known positive of query i, as is its own if it is good.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import known_couples, tokenize_pairs
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["a", "a", "b"], ["c", "d", "d"])
        >>> store = tokenize_pairs(pairs, lambda texts: [[1, ord(t), 2] for t in texts])
        >>> rows = np.array([0, 2])
        >>> known_couples(store.positives, rows, store.target_ids[rows]).tolist()
        [[True, True], [False, True]]
    """
    known = positives.ids.take(positives.of_rows[rows])
    distinct, places = np.unique(target_ids, return_inverse=True)
    found = np.zeros((len(rows), len(distinct)), bool)
    at = np.minimum(np.searchsorted(distinct, known.flat), len(distinct) - 1)
    hit = distinct[at] == known.flat
    found[np.repeat(np.arange(len(rows)), known.lengths)[hit], at[hit]] = True
    return found[:, places]


def positive_ids(
    positives: KnownPositives,
    rows: Integer[np.ndarray, " b"],
    query_ids: Int32[np.ndarray, " b"],
    target_ids: Int32[np.ndarray, " b"],
) -> Int32[np.ndarray, "b p"] | None:
    """List for each pair of a batch the known positives that its own ids do not tell.

    These are targets of the batch that other queries bring. The ids of a pair tell apart what
    shares its query or its target; p is the same for all batches of a size, so that one compiled
    step serves all.

    Args:
        positives: what is known of all pairs.
        rows: the pairs of the batch.
        query_ids: content ids of their queries.
        target_ids: content ids of their targets.

    Returns:
        Content ids of targets; a row with fewer than p repeats its own target's. None where the
        data has no such positives.
    """
    width = min(positives.most_elsewhere, len(rows) - 1)
    if width == 0:
        return None
    untold = known_couples(positives, rows, target_ids)
    untold &= query_ids[:, np.newaxis] != query_ids
    untold &= target_ids[:, np.newaxis] != target_ids
    found = np.repeat(target_ids[:, np.newaxis], width, axis=1)
    for row in np.flatnonzero(untold.any(axis=1)):
        ids = np.unique(target_ids[untold[row]])
        found[row, : len(ids)] = ids
    return found


def _keys(places: Int64[np.ndarray, " k"], ids: Int32[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Number the couples of a place and an id, rising with the place, then with the id."""
    return (places.astype(np.int64) << 32) + ids
