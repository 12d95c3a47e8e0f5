"""Algorithm 2 on words: texts that share words share a batch."""

import re
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Int64

from bscl_jax.shuffling._checks import check_group_size
from bscl_jax.shuffling._groups import GroupOrder, check_group_order, grouped
from bscl_jax.shuffling._random import make_bits

WORD = re.compile(r"\w+")

ENGLISH = """
a about after again all also am an and any are as at be because been before being but by can
could did do does doing down for from had has have having he her here hers him his how i if in
into is it its just me might more most must my no nor not now of off on once only or other our
out over own same shall she should so some such than that the their them then there these they
this those through to too under until up us very was we were what when where which while who
whom why will with would you your
"""
STOP_WORDS = frozenset(ENGLISH.split())


def by_shingle(
    texts: Sequence[str],
    *,
    group_size: int,
    shingle_size: int = 1,
    stop_words: Collection[str] = STOP_WORDS,
    group_order: GroupOrder = "mixed",
    seed: int | Sequence[int],
) -> Int64[np.ndarray, " n"]:
    """Order pairs so that texts with common words stand side by side (Algorithm 2 of the paper).

    Each text draws a shingle: ``shingle_size`` of its distinct words, lower-cased, stop words left
    out. Texts of one shingle are cut into groups of at most ``group_size``, and the groups come in
    random order. No model and no distances: the cost is that of sorting.

    A text with fewer words than asked for draws all of them; one that holds stop words only draws
    from these. Texts without any word share the empty shingle.

    Args:
        texts: the first (or second) text of each pair.
        group_size: most pairs in a group, ≥ 1.
        shingle_size: words in a shingle, ≥ 1. More words, fewer and closer companions.
        stop_words: words that say nothing about the subject, lower-cased; English by default.
        group_order: ``mixed``, at random; ``forward``, as they were formed; or ``reversed``.
        seed: as in :func:`random`. Another seed draws other words.

    Returns:
        A permutation of 0 … n − 1, ``int64 n``.

    Raises:
        ValueError: a size is below 1, or the seed is negative.

    Example:
        >>> from bscl_jax import shuffling
        >>> texts = ["the cat", "a dog", "this cat", "dog", "cat"]
        >>> order = shuffling.by_shingle(texts, group_size=3, seed=0)
        >>> [texts[row] for row in order]
        ['the cat', 'this cat', 'cat', 'dog', 'a dog']

    References:
        Chernyavskiy, Ilvovsky, Kalinin, Nakov: Batch-Softmax Contrastive Loss for Pairwise Sentence
        Scoring Tasks. NAACL 2022, section 3.2.
    """
    check_group_size(group_size)
    check_group_order(group_order)
    if shingle_size < 1:
        raise ValueError(f"shingle_size must be ≥ 1, got {shingle_size}; 1 or 2 suits most data")
    bits = make_bits(seed)
    numbers: dict[tuple[str, ...], int] = {}
    shingles = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        words = sorted(set(WORD.findall(text.lower())))
        words = [word for word in words if word not in stop_words] or words
        if len(words) > shingle_size:
            drawn = np.argsort(bits.random_raw(len(words)), kind="stable")[:shingle_size]
            words = [words[place] for place in np.sort(drawn)]
        shingles[row] = numbers.setdefault(tuple(words), len(numbers))
    return grouped(shingles, group_size, bits, group_order)
