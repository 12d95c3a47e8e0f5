"""Algorithm 2: pairs of one shingle stand side by side, in groups of at most some size."""

import numpy as np
from jaxtyping import Int64


def grouped(
    shingles: Int64[np.ndarray, " n"], group_size: int, bits: np.random.Philox
) -> Int64[np.ndarray, " n"]:
    """Cut the pairs of each shingle into groups and put the groups into random order.

    The pairs are shuffled and sorted by shingle. A group begins where the shingle changes and
    after every ``group_size`` pairs of one shingle. Each group draws 64 random bits; the pairs are
    sorted by what their group drew.

    Args:
        shingles: what a pair is grouped by, as numbers; equal numbers may share a group.
        group_size: most pairs in a group, ≥ 1.
        bits: the source of randomness; n + (number of groups) words are drawn.

    Returns:
        A permutation of 0 … n − 1.
    """
    shuffled = np.argsort(bits.random_raw(len(shingles)), kind="stable")
    order = shuffled[np.argsort(shingles[shuffled], kind="stable")]
    changes = np.diff(shingles[order], prepend=shingles[order[:1]] - 1) != 0
    positions = np.arange(len(order))
    begins = np.maximum.accumulate(np.where(changes, positions, 0))
    groups = np.cumsum((positions - begins) % group_size == 0) - 1
    drawn = bits.random_raw(int(groups[-1]) + 1 if len(groups) else 0)
    return order[np.argsort(drawn[groups], kind="stable")].astype(np.int64, copy=False)
