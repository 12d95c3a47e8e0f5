"""Hard negatives: which of them are none, and which join a batch as its extra candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from jaxtyping import Int32, Int64, Integer

from bscl_jax.data._content import content_ids, normalize_text
from bscl_jax.data._ragged import Ragged
from bscl_jax.types import Pairs

POSITIVE = 0.5
"""A pair with a score above this is a known positive: its target is no negative of its query."""


@dataclass(frozen=True)
class Negatives:
    """The hard negatives of n pairs, each of m distinct texts held once.

    Attributes:
        texts: the m texts.
        tokens: token ids of the m texts.
        ids: their content ids.
        of_rows: for each pair the positions of its negatives among the texts, the hardest first.
        barred: for each pair the positions of the texts that must not join its batch: its own
            target, and the known positives of its query.
    """

    texts: Sequence[str]
    tokens: Ragged
    ids: Int32[np.ndarray, " m"]
    of_rows: Ragged
    barred: Ragged


def drop_false_negatives(pairs: Pairs) -> tuple[Pairs, int]:
    """Leave out negatives that are known positives of the same query, or its own target.

    Known positives are, by content, the targets of all pairs with that query whose score is above
    0.5 (all pairs where there are no scores), the queries of all such pairs of which it is the
    target, and its own text.

    Args:
        pairs: n pairs with negatives.

    Returns:
        The pairs, and how many negatives were left out.

    Example:
        >>> from bscl_jax.data import drop_false_negatives
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["renew?", "renew?"], ["extend", "online"], None, [["online", "fax"], []])
        >>> drop_false_negatives(pairs)[0].negatives, drop_false_negatives(pairs)[1]
        ((('fax',), ()), 1)
    """
    if pairs.negatives is None:
        return pairs, 0
    positives = known_positives(pairs)
    kept = tuple(
        tuple(text for text in texts if normalize_text(text) not in forbidden)
        for texts, forbidden in zip(pairs.negatives, positives, strict=True)
    )
    given, left = (sum(map(len, rows)) for rows in (pairs.negatives, kept))
    return pairs._replace(negatives=kept), given - left


def known_positives(pairs: Pairs, threshold: float = POSITIVE) -> list[set[str]]:
    """Return for each pair the texts, normalized, that are no negatives of its query.

    These are those of :func:`find_positives`, and the pair's own target, good or bad.

    Args:
        pairs: n pairs.
        threshold: a pair with a score above it, in float32, is a known positive.

    Returns:
        A set for each pair; positive pairs of one query share theirs.
    """
    queries = [normalize_text(query) for query in pairs.queries]
    targets = [normalize_text(target) for target in pairs.targets]
    scores = [1.0] * len(queries) if pairs.scores is None else pairs.scores
    known = {query: {query} for query in queries}
    for query, target, score in zip(queries, targets, scores, strict=True):
        if np.float32(score) > threshold:
            known[query].add(target)
            if target in known:
                known[target].add(query)
    return [
        known[query] if target in known[query] else known[query] | {target}
        for query, target in zip(queries, targets, strict=True)
    ]


def tokenize_negatives(
    pairs: Pairs, tokenize_all: Callable[[Sequence[str]], Ragged], *, threshold: float = POSITIVE
) -> Negatives | None:
    """Tokenize each distinct negative once; None where there is none.

    Args:
        pairs: n pairs.
        tokenize_all: from texts to their token ids.
        threshold: as for :func:`known_positives`.
    """
    place: dict[str, int] = {}
    texts: list[str] = []
    of_rows: list[list[int]] = []
    for row in pairs.negatives or ():
        for text in row:
            if place.setdefault(normalize_text(text), len(texts)) == len(texts):
                texts.append(text)
        of_rows.append([place[normalize_text(text)] for text in row])
    if not texts:
        return None
    barred = [
        sorted(place[text] for text in positives if text in place)
        for positives in known_positives(pairs, threshold)
    ]
    return Negatives(
        texts=texts,
        tokens=tokenize_all(texts),
        ids=content_ids(texts),
        of_rows=Ragged.from_lists(of_rows),
        barred=Ragged.from_lists(barred),
    )


def mean_extras(negatives: Negatives, *, batch_size: int, multiple: int = 1) -> int:
    """Count the extra candidates that a batch has on average, if each row brings its negatives.

    Args:
        negatives: the negatives of the store.
        batch_size: rows of a batch.
        multiple: rounded up to a multiple of this (the number of devices).

    Returns:
        The number, ``multiple`` or more.

    Example:
        >>> from bscl_jax.data import mean_extras, tokenize_pairs
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["a", "b"], ["c", "d"], None, [["e", "f"], ["g"]])
        >>> store = tokenize_pairs(pairs, lambda texts: [[1, ord(t), 2] for t in texts])
        >>> mean_extras(store.negatives, batch_size=8), mean_extras(store.negatives, batch_size=1)
        (12, 2)
    """
    total, n = len(negatives.of_rows.flat), len(negatives.of_rows)
    return max(-(-total * batch_size // (n * multiple)), 1) * multiple


def choose_extras(
    negatives: Negatives,
    order: Integer[np.ndarray, " n"],
    k: int,
    *,
    batch_size: int,
    num_extras: int,
    multiple: int = 1,
) -> Int64[np.ndarray, " e"]:
    """Choose the extra candidates of batch k: a pure function of its arguments.

    The negatives of the batch's own rows come first, the first of each row before the second of
    any. If they do not suffice, those of the rows that follow in the order (after its end, from
    its beginning) fill up: true candidates as well, so that nothing is computed in vain and every
    batch has one shape. No text stands twice, and none is a target, or a known positive of a query,
    of the batch. Where the data has not enough such texts, there are half as many, a quarter, ….

    Args:
        negatives: the negatives of the store.
        order: the rows of the epoch.
        k: which batch.
        batch_size: rows of the batch.
        num_extras: e, the candidates wanted.
        multiple: halves are rounded down to a multiple of this (the number of devices).

    Returns:
        Positions among the texts of ``negatives``; ``num_extras`` of them, or fewer as said above.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import choose_extras, tokenize_pairs
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["a", "b"], ["c", "d"], None, [["e", "f"], ["g"]])
        >>> store = tokenize_pairs(pairs, lambda texts: [[1, ord(t), 2] for t in texts])
        >>> chosen = choose_extras(store.negatives, np.arange(2), 0, batch_size=2, num_extras=3)
        >>> [store.negatives.texts[position] for position in chosen]
        ['e', 'g', 'f']
    """
    order = np.asarray(order)
    start, n = k * batch_size, len(order)
    rows = order[(start + np.arange(batch_size)) % n]
    barred = negatives.barred.take(rows).flat
    chosen = _distinct(by_turns(negatives.of_rows, rows), barred)
    seen, window = batch_size, batch_size
    while len(chosen) < num_extras and seen < n:
        window = min(2 * window, n - seen)
        following = order[(start + seen + np.arange(window)) % n]
        chosen = _distinct([*chosen, *negatives.of_rows.take(following).flat], barred)
        seen += window
    count = num_extras
    while count > len(chosen):
        count = count // 2 // multiple * multiple
    return chosen[:count]


def first_negatives(
    negatives: Negatives, rows: Integer[np.ndarray, " b"]
) -> Int64[np.ndarray, " b"]:
    """Return the first negative of each row.

    Raises:
        ValueError: a row has none.
    """
    starts = negatives.of_rows.offsets
    if not (starts[rows + 1] > starts[rows]).all():
        raise ValueError("each pair must have a hard negative, some have none; see make_triplets")
    return negatives.of_rows.flat[starts[rows]].astype(np.int64)


def by_turns(of_rows: Ragged, rows: Integer[np.ndarray, " b"]) -> list[int]:
    """Return the negatives of rows: the first of each, then the second of each, and so on."""
    turns = zip_longest(*(of_rows[int(row)].tolist() for row in rows))
    return [each for each in chain.from_iterable(turns) if each is not None]


def _distinct(
    candidates: Sequence[int], barred: Integer[np.ndarray, " _"]
) -> Int64[np.ndarray, " _"]:
    found = np.array(list(dict.fromkeys(candidates)), dtype=np.int64)
    return found[~np.isin(found, barred)]
