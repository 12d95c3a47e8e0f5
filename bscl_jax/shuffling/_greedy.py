"""Algorithm 1 once neighbors are known: each free pair takes its nearest free neighbors."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Int64, Integer

from bscl_jax.shuffling._groups import GroupOrder, arranged, check_group_order
from bscl_jax.shuffling._random import make_bits

Count = Literal["rows", "texts"]
Lists = Callable[[Int64[np.ndarray, " m"]], Integer[np.ndarray, "m k"]]


class Rules(NamedTuple):
    """When a group is full and who may join it.

    Attributes:
        group_size: pairs, or texts, in a group.
        text_ids: content id of each row; None lets equal texts share a group.
        counted: with ids, ``rows`` lets a text into a group once, ``texts`` as often as it comes
            until there are ``group_size`` different ones.
    """

    group_size: int
    text_ids: Integer[np.ndarray, " n"] | None
    counted: Count


def greedy(
    lists: Lists,
    n: int,
    rules: Rules,
    *,
    rows_at_once: int,
    group_order: GroupOrder,
    seed: int | Sequence[int] | None,
) -> Int64[np.ndarray, " n"]:
    """Shuffle the rows, group them one after the other and arrange the groups.

    Lists are asked for some free rows at a time: those that an earlier group of the same block
    takes were asked for in vain, those that it took before the block are not asked for at all,
    which saves most of the search.

    Args:
        lists: ``rows -> neighbors``, the nearest first; -1 is no neighbor. The row that asks may
            be among its own, and any neighbor may come twice.
        n: rows in all.
        rules: of the groups.
        rows_at_once: lists asked for at a time.
        group_order: how the finished groups stand.
        seed: of the shuffle, and of the order of mixed groups; None skips the shuffle.
    """
    bits = None if seed is None else make_bits(seed)
    sequence = np.arange(n) if bits is None else np.argsort(bits.random_raw(n), kind="stable")
    used = np.zeros(n + 1, bool)
    used[n] = True  # where -1 points to
    order, starts, filled = np.empty(n, np.int64), [], 0
    for rows in _free_blocks(sequence, used, rows_at_once):
        for row, neighbors in zip(rows.tolist(), lists(rows), strict=True):
            if used[row]:  # taken since the block began
                continue
            used[row] = True
            members = _members(row, neighbors[~used[neighbors]], rules)
            used[members] = True
            starts.append(filled)
            order[filled : filled + len(members)] = members
            filled += len(members)
    return arranged(order, np.array(starts, np.int64), group_order, bits)


def check_rules(
    n: int,
    text_ids: np.ndarray | None,
    count: str,
    group_order: str,
    seed: int | Sequence[int] | None,
) -> None:
    """Refuse rules that do not fit the rows or each other.

    Raises:
        ValueError: with what does not fit.
    """
    check_group_order(group_order)
    if group_order == "mixed" and seed is None:
        raise ValueError("mixed groups need a seed, got None; give one, or another group_order")
    if text_ids is not None and text_ids.shape != (n,):
        raise ValueError(
            f"text_ids must hold one id per row of embeddings, got shape {text_ids.shape} "
            f"for {n} rows; leave it out to let equal texts share a group"
        )
    if count not in get_args(Count):
        raise ValueError(f"count must be one of {', '.join(get_args(Count))}, got {count!r}")
    if count == "texts" and text_ids is None:
        raise ValueError('count="texts" needs text_ids, got None; they tell which texts are equal')


def _free_blocks(
    sequence: Int64[np.ndarray, " n"], used: Bool[np.ndarray, " n+1"], rows_at_once: int
) -> Iterator[Int64[np.ndarray, " m"]]:
    """Walk the sequence and yield the rows that are free when their block begins."""
    position = 0
    while position < len(sequence):
        window = sequence[position : position + 8 * rows_at_once]
        free = np.flatnonzero(~used[window])[:rows_at_once]
        position += int(free[-1]) + 1 if len(free) == rows_at_once else len(window)
        if len(free):
            yield window[free]


def _members(row: int, free: Integer[np.ndarray, " k"], rules: Rules) -> list[int]:
    """Return the row and those of its free neighbors that its group takes.

    In pieces, since a group seldom looks far down a list.
    """
    group, ids = {row: None}, rules.text_ids
    texts = set() if ids is None else {int(ids[row])}
    piece = 4 * rules.group_size
    for start in range(0, len(free), piece):
        candidates = free[start : start + piece]
        known = candidates if ids is None else ids[candidates]
        for candidate, text in zip(candidates.tolist(), known.tolist(), strict=True):
            if len(texts if rules.counted == "texts" else group) == rules.group_size:
                return list(group)
            if ids is None or rules.counted == "texts" or text not in texts:
                group[candidate] = None
                texts.add(text)
    return list(group)
