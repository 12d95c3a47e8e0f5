"""Algorithm 2: pairs of one shingle stand side by side, in groups of at most some size."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Int64

GroupOrder = Literal["reversed", "forward", "mixed"]


def grouped(
    shingles: Int64[np.ndarray, " n"],
    group_size: int,
    bits: np.random.Philox,
    group_order: GroupOrder = "mixed",
) -> Int64[np.ndarray, " n"]:
    """Cut the pairs of each shingle into groups and put the groups into random order.

    The pairs are shuffled and sorted by shingle. A group begins where the shingle changes and
    after every ``group_size`` pairs of one shingle. Then the groups are put into their order.

    Args:
        shingles: what a pair is grouped by, as numbers; equal numbers may share a group.
        group_size: most pairs in a group, ≥ 1.
        bits: the source of randomness; n + (number of groups, if they are mixed) words are drawn.
        group_order: as in :func:`arranged`.

    Returns:
        A permutation of 0 … n − 1.
    """
    shuffled = np.argsort(bits.random_raw(len(shingles)), kind="stable")
    order = shuffled[np.argsort(shingles[shuffled], kind="stable")]
    changes = np.diff(shingles[order], prepend=shingles[order[:1]] - 1) != 0
    positions = np.arange(len(order))
    begins = np.maximum.accumulate(np.where(changes, positions, 0))
    starts = np.flatnonzero((positions - begins) % group_size == 0)
    return arranged(order, starts, group_order, bits)


def arranged(
    order: Int64[np.ndarray, " n"],
    starts: Int64[np.ndarray, " g"],
    group_order: GroupOrder,
    bits: np.random.Philox | None,
) -> Int64[np.ndarray, " n"]:
    """Put finished groups into their order.

    Args:
        order: the rows, group by group.
        starts: where each group begins, rising.
        group_order: ``forward`` leaves them; ``reversed`` turns the whole sequence round, the
            groups' insides too; ``mixed`` sorts the groups by 64 random bits that each draws.
        bits: the source of randomness; needed to mix.
    """
    if group_order == "forward":
        return order
    if group_order == "reversed":
        return order[::-1].copy()
    assert bits is not None, "checked by whoever takes a seed of None"
    drawn = bits.random_raw(len(starts))
    groups = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    return order[np.argsort(drawn[groups], kind="stable")].astype(np.int64, copy=False)


def check_group_order(group_order: str) -> None:
    """Refuse names of no order."""
    known = get_args(GroupOrder)
    if group_order not in known:
        raise ValueError(f"group_order must be one of {', '.join(known)}, got {group_order!r}")
