"""``fill_rows`` for very many texts, those of one length at a time, and for many batches."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Integer

from bscl_jax.data._pack import Lengths, fill_rows
from bscl_jax.data._ragged import Ragged

MANY = 1024
"""Fewer texts are put into rows one by one, which is then faster."""


class _Run(NamedTuple):
    """Texts of one length that fill up one row after the other, as many in each.

    Attributes:
        rows: the rows, in this order.
        each: texts that each gets.
        start: where these texts begin among all, the longest first.
    """

    rows: range
    each: int
    start: int


def fill_many(lengths: Lengths, *, length: int, texts: int, opens: int = 1) -> Ragged:
    """Put texts into the same rows as ``fill_rows``, faster where there are many.

    Args: as there.

    Example:
        >>> import numpy as np
        >>> [row.tolist() for row in fill_many(np.array([3, 7, 5, 2]), length=8, texts=2)]
        [[1], [2, 0], [3]]
    """
    if len(lengths) < MANY or opens > lengths.max():
        return Ragged.from_lists(fill_rows(lengths, length=length, texts=texts, opens=opens))
    order = _stable_order(length - lengths, length)  # the longest first
    row_of = np.full(len(order), -1)  # of a text that is left out
    for rows, each, start in _fill(lengths[order], length, texts, opens):
        numbers = np.arange(rows.start, rows.stop, rows.step)
        row_of[start : start + len(rows) * each] = np.repeat(numbers, each)
    counts = np.bincount(row_of + 1)
    by_row = order[_stable_order(row_of + 1, len(counts))[counts[0] :]]
    return Ragged(by_row.astype(np.int32), np.cumsum(counts) - counts[0])


def count_rows(
    batches: Int64[np.ndarray, "n m"], length: int
) -> tuple[Int64[np.ndarray, " m"], int]:
    """Return the rows that ``fill_rows`` fills of each batch, and the most texts of a row.

    Many small batches are filled at once, a text of each at a time. A row is a number: in its
    highest bits the tokens left, then that it was filled late, which makes it smaller, then its
    place. So the smallest of those with room is the one that ``fill_rows`` takes.

    Args:
        batches: tokens of the n texts of each of m batches, the longest first.
        length: tokens that a row has room for.
    """
    n, m = batches.shape
    if 2 * m < n:
        filled = [fill_rows(batch, length=length) for batch in batches.T]
        texts = max((len(row) for rows in filled for row in rows), default=1)
        return np.array([len(rows) for rows in filled], np.int64), texts
    bits = n.bit_length()
    rows = np.repeat(np.arange(n)[:, None] + (length << 2 * bits), m, axis=1)
    inside = np.zeros((n, m), np.int64)
    every, opened = np.arange(m), 0
    for late, sizes in enumerate(batches << 2 * bits):
        left = rows[: opened + 1] - sizes  # without room: below 0, above all others as unsigned
        best = left.view(np.uint64).min(axis=0).view(np.int64)
        place = best % (1 << bits)
        rows[place, every] = (best >> 2 * bits << 2 * bits) + (n - late << bits) + place
        inside[place, every] += 1
        opened = max(opened, int(place.max()) + 1)
    return np.count_nonzero(inside, axis=0), int(inside.max())


def _stable_order(keys: Integer[np.ndarray, " n"], most: int) -> Int64[np.ndarray, " n"]:
    """Sort keys from 0 to ``most``; those of two bytes are sorted ten times as fast as others."""
    return np.argsort(keys.astype(np.min_scalar_type(most)), kind="stable")


def _fill(sizes: Lengths, length: int, texts: int, opens: int) -> Iterator[_Run]:
    """Find the rows of texts of falling sizes.

    Of all rows with room for a text the one just filled has the least, so it takes further texts of
    this size until it is full. Rows with as much room and as many texts fill up alike: a range of
    them is kept together, of which the last comes first. Rows that are not opened yet are one too.
    """
    with_room: list[list[tuple[range, int]]] = [[] for _ in range(length + 1)]
    with_room[length].append((range(len(sizes))[::-1], 0))
    occupied = 1 << length  # bit t: some row has t tokens left
    starts = np.flatnonzero(np.diff(sizes, prepend=-1)).tolist()
    for start, stop in pairwise([*starts, len(sizes)]):
        size = int(sizes[start])
        while start < stop:
            fitting = occupied >> size
            room = size + (fitting & -fitting).bit_length() - 1
            if room == length and size < opens:
                break
            rows, inside = with_room[room].pop()
            each = min(stop - start, texts - inside, room // size if size else texts)
            rest = max(0, len(rows) - (stop - start) // each)
            if rest:
                with_room[room].append((rows[:rest], inside))
            elif not with_room[room]:
                occupied ^= 1 << room
            filled = rows[rest:][::-1]
            yield _Run(filled, each, start)
            start += len(filled) * each
            if inside + each < texts:
                with_room[room - size * each].append((filled, inside + each))
                occupied |= 1 << (room - size * each)
