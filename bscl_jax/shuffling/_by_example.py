"""Algorithm 1: an order in which neighbors share a batch."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, Integer

from bscl_jax.shuffling._checks import check_group_size, check_matrix
from bscl_jax.shuffling._nearest import nearest
from bscl_jax.shuffling._points import Points, make_points
from bscl_jax.shuffling._random import random

ROWS_AT_ONCE = 256
LISTED_AT_ONCE = 2**21


def by_example(
    embeddings: Float[np.ndarray, "n d"],
    *,
    group_size: int,
    num_neighbors: int = 500,
    seed: int | Sequence[int] | None,
    text_ids: Integer[np.ndarray, " n"] | None = None,
    reverse: bool = True,
) -> Int64[np.ndarray, " n"]:
    """Order pairs so that nearest neighbors stand side by side (Algorithm 1 of the paper).

    The pairs are shuffled. The first that is not yet used opens a group and takes the nearest
    ``group_size − 1`` of its neighbors that are not yet used; and so on until all are used. The
    sequence is then turned round: the leftovers (groups of one, far from each other) come first and
    the full groups last, so training begins with easy batches and ends with hard ones. Batches are
    consecutive slices of the result.

    Distance is L2 on the embeddings **as given**: pass unit vectors where the cosine is wanted.
    Ties go to the lower index. Distances that BLAS cannot tell apart for certain are computed again
    in an arithmetic that IEEE 754 fixes to the bit, so the same inputs and seed give the same bytes
    on any machine and with any number of threads.

    A group is short when the neighbors of the pair that opened it run out. A pair that a group
    could not take, because its text is there already, stays free for later groups.

    Args:
        embeddings: one row per pair, of its first (or second) text; finite, d ≥ 1.
        group_size: pairs in a group, ≥ 1; 1 gives the shuffled order alone.
        num_neighbors: neighbors searched for each pair, itself included, ≥ 1; cut to n. The paper
            asks for a large number, such as 500.
        seed: of the initial shuffle, as in :func:`random`; None skips it (file order).
        text_ids: content id of each row's text (equal texts, equal ids). With them one group holds
            each text at most once; None lets equal texts share a group.
        reverse: turn the finished sequence round (the paper's curriculum).

    Returns:
        A permutation of 0 … n − 1, ``int64 n``.

    Raises:
        ValueError: the embeddings are no matrix or not finite (the row is named), ``text_ids`` has
            another length, or a number is out of range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import shuffling
        >>> embeddings = np.array([[0.0], [10.0], [0.1], [10.1], [0.2]])
        >>> shuffling.by_example(embeddings, group_size=2, seed=None, reverse=False).tolist()
        [0, 2, 1, 3, 4]

    References:
        Chernyavskiy, Ilvovsky, Kalinin, Nakov: Batch-Softmax Contrastive Loss for Pairwise Sentence
        Scoring Tasks. NAACL 2022, section 3.2.

    Differs:
        From the paper's code, whose orders it equals otherwise. (1) There, with equal texts
        allowed, a group is full at ``group_size`` *distinct texts*, so groups grow; here it is full
        at ``group_size`` pairs. (2) There, with fewer pairs than neighbors asked for, the last pair
        is emitted twice; here each pair is emitted once. (3) There nothing is seeded.
    """
    _check(embeddings, group_size, num_neighbors, text_ids)
    n = len(embeddings)
    points = make_points(embeddings)
    sequence = np.arange(n) if seed is None else random(n, seed=seed)
    order = _group(points, sequence, group_size, min(num_neighbors, n), text_ids)
    return order[::-1].copy() if reverse else order


def _check(
    embeddings: np.ndarray, group_size: int, num_neighbors: int, text_ids: np.ndarray | None
) -> None:
    """Refuse shapes that do not fit and numbers out of range."""
    check_matrix(embeddings)
    check_group_size(group_size)
    if num_neighbors < 1:
        raise ValueError(f"num_neighbors must be ≥ 1, got {num_neighbors}; 500 suits most data")
    if text_ids is not None and text_ids.shape != (len(embeddings),):
        raise ValueError(
            f"text_ids must hold one id per row of embeddings, got shape {text_ids.shape} "
            f"for {len(embeddings)} rows; leave it out to let equal texts share a group"
        )


def _group(
    points: Points,
    sequence: Int64[np.ndarray, " n"],
    group_size: int,
    count: int,
    text_ids: Integer[np.ndarray, " n"] | None,
) -> Int64[np.ndarray, " n"]:
    """Walk ``sequence`` and append to each free pair its nearest free neighbors.

    Neighbors are searched for some free pairs at a time: those that an earlier group of the same
    block takes were searched in vain, those that it took before the block were not searched at all,
    which saves most of the distances.
    """
    n = len(sequence)
    rows_at_once = max(1, min(ROWS_AT_ONCE, LISTED_AT_ONCE // max(count, 1)))
    order = np.empty(n, np.int64)
    used = np.zeros(n, bool)
    filled = position = 0
    while position < n:
        window = sequence[position : position + 8 * rows_at_once]
        free = np.flatnonzero(~used[window])[:rows_at_once]
        position += int(free[-1]) + 1 if len(free) == rows_at_once else len(window)
        for neighbors in nearest(points, window[free], count):
            if used[neighbors[0]]:  # the pair that asks: taken since the block began
                continue
            members = neighbors[~used[neighbors]]
            if text_ids is not None:
                members = members[_first_of_each(text_ids[members])]
            members = members[:group_size]
            used[members] = True
            order[filled : filled + len(members)] = members
            filled += len(members)
    return order


def _first_of_each(ids: Integer[np.ndarray, " m"]) -> Int64[np.ndarray, " k"]:
    """Return the positions at which an id stands for the first time, rising."""
    return np.sort(np.unique(ids, return_index=True)[1])
