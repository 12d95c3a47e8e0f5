"""Algorithm 1: an order in which neighbors share a batch."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, Integer

from bscl_jax.shuffling._checks import check_group_size, check_matrix
from bscl_jax.shuffling._greedy import Count, Rules, check_rules, greedy
from bscl_jax.shuffling._groups import GroupOrder
from bscl_jax.shuffling._nearest import ROWS_AT_ONCE, num_threads
from bscl_jax.shuffling._points import make_points
from bscl_jax.shuffling._search import Search, check_search, make_search

LISTED_AT_ONCE = 2**22
SHARE_AT_ONCE = 64


def by_example(
    embeddings: Float[np.ndarray, "n d"],
    *,
    group_size: int,
    num_neighbors: int = 500,
    seed: int | Sequence[int] | None,
    text_ids: Integer[np.ndarray, " n"] | None = None,
    reverse: bool = True,
    group_order: GroupOrder | None = None,
    count: Count = "rows",
    search: Search = "auto",
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
        reverse: turn the finished sequence round (the paper's curriculum); short for a
            ``group_order`` of ``reversed`` or ``forward``.
        group_order: ``reversed``; ``forward``, as the groups were formed; or ``mixed``, at random.
            None goes by ``reverse``.
        count: a group is full at ``group_size`` ``rows``, or, as in the reference, ``texts``: equal
            texts then share a group, and it grows until it holds so many different ones.
            ``text_ids`` tells them apart.
        search: where neighbors are searched: ``host``; ``mesh``, by all devices of jax that this
            process has; ``auto``, the mesh where there is an accelerator. The three give the same
            bytes. ``faiss`` asks an index of that library (an extra), which is quicker on large
            data and misses some neighbors.

    Returns:
        A permutation of 0 … n − 1, ``int64 n``.

    Raises:
        ValueError: the embeddings are no matrix or not finite (the row is named), ``text_ids`` has
            another length, a number is out of range, or faiss is asked for and not installed.

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
    group_order = group_order or ("reversed" if reverse else "forward")
    embeddings = check_matrix(embeddings)
    text_ids = None if text_ids is None else np.asarray(text_ids)
    _check(group_size, num_neighbors)
    check_search(search)
    check_rules(len(embeddings), text_ids, count, group_order, seed)
    points, n = make_points(embeddings), len(embeddings)
    searched = max(1, min(num_neighbors, n))
    parallel = max(1, min(num_threads() * ROWS_AT_ONCE, LISTED_AT_ONCE // searched))
    return greedy(
        make_search(points, searched, search),
        n,
        Rules(group_size, text_ids, count),
        rows_at_once=min(parallel, max(SHARE_AT_ONCE, n // SHARE_AT_ONCE)),
        group_order=group_order,
        seed=seed,
    )


def _check(group_size: int, num_neighbors: int) -> None:
    """Refuse numbers out of range."""
    check_group_size(group_size)
    if num_neighbors < 1:
        raise ValueError(f"num_neighbors must be ≥ 1, got {num_neighbors}; 500 suits most data")
