"""Algorithm 2 on neighbors: pairs that draw the same neighbor share a batch."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from bscl_jax.shuffling._checks import check_group_size, check_matrix
from bscl_jax.shuffling._groups import GroupOrder, check_group_order, grouped
from bscl_jax.shuffling._nearest import ROWS_AT_ONCE, num_threads
from bscl_jax.shuffling._points import make_points
from bscl_jax.shuffling._random import make_bits
from bscl_jax.shuffling._search import Search, check_search, make_search


def by_neighbor(
    embeddings: Float[np.ndarray, "n d"],
    *,
    num_neighbors: int,
    group_size: int,
    group_order: GroupOrder = "mixed",
    search: Search = "auto",
    seed: int | Sequence[int],
) -> Int64[np.ndarray, " n"]:
    """Order pairs so that pairs with a common neighbor stand side by side.

    Algorithm 2 of the paper with the words of a text replaced by its nearest neighbors: each pair
    draws one of its ``num_neighbors`` (itself included); pairs that drew the same are cut into
    groups of at most ``group_size``, and the groups come in random order. Distance and ties are
    those of :func:`by_example`, and so is the promise of the same bytes on any machine.

    Args:
        embeddings: one row per pair, of its first (or second) text; finite, d ≥ 1.
        num_neighbors: neighbors to draw from, itself included, ≥ 1; cut to n. Few make close and
            small groups, many make loose ones.
        group_size: most pairs in a group, ≥ 1.
        group_order: ``mixed``, at random; ``forward``, as they were formed; or ``reversed``.
        search: where neighbors are searched, as in :func:`by_example`.
        seed: as in :func:`random`.

    Returns:
        A permutation of 0 … n − 1, ``int64 n``.

    Raises:
        ValueError: the embeddings are no matrix or not finite, a number is out of range, or
            faiss is asked for and not installed.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import shuffling
        >>> embeddings = np.array([[0.0], [10.0], [0.1], [10.1]])
        >>> order = shuffling.by_neighbor(embeddings, num_neighbors=2, group_size=2, seed=1)
        >>> sorted(order.tolist())
        [0, 1, 2, 3]

    References:
        Chernyavskiy, Ilvovsky, Kalinin, Nakov: Batch-Softmax Contrastive Loss for Pairwise Sentence
        Scoring Tasks. NAACL 2022, section 3.2.
    """
    embeddings = check_matrix(embeddings)
    check_group_size(group_size)
    check_group_order(group_order)
    check_search(search)
    if num_neighbors < 1:
        raise ValueError(f"num_neighbors must be ≥ 1, got {num_neighbors}; 4 to 16 suits most data")
    bits = make_bits(seed)
    points = make_points(embeddings)
    n = len(embeddings)
    count = max(1, min(num_neighbors, n))
    lists = make_search(points, count, search)
    drawn = (bits.random_raw(n) % np.uint64(count)).astype(np.int64)
    shingles = np.empty(n, np.int64)
    rows_at_once = 4 * num_threads() * ROWS_AT_ONCE
    for start in range(0, n, rows_at_once):
        rows = np.arange(start, min(start + rows_at_once, n))
        shingles[rows] = lists(rows)[np.arange(len(rows)), drawn[rows]]
    return grouped(shingles, group_size, bits, group_order)
