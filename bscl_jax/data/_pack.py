"""Packed batches: several texts in a row, so that little of what is computed is padding."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Integer

from bscl_jax.data._ragged import Ragged
from bscl_jax.data._squeeze import squeeze
from bscl_jax.types import TokenBatch

Lengths = Integer[np.ndarray, " n"]


class Shape(NamedTuple):
    """The size of a packed batch.

    Attributes:
        rows: r.
        length: s, tokens that a row has room for.
        texts: k, texts that a row has room for.
    """

    rows: int
    length: int
    texts: int

    @property
    def cost(self) -> float:
        """Time that a batch of this shape takes: its tokens, dearer in long rows by attention."""
        return self.rows * self.length * (1 + self.length / 2048)


def fill_rows(
    lengths: Lengths, *, length: int, texts: int | None = None, opens: int = 1
) -> list[list[int]]:
    """Put texts into few rows: the longest first, where it leaves least room (best fit).

    Args:
        lengths: tokens of each of n texts, 1 to ``length``.
        length: tokens that a row has room for.
        texts: most texts of a row; None for any number.
        opens: a text of fewer tokens opens no row: it fills up one of the others, or is left out.

    Returns:
        The texts of each row, by position. A function of the arguments alone.

    Example:
        >>> import numpy as np
        >>> fill_rows(np.array([3, 7, 5, 2]), length=8)
        [[1], [2, 0], [3]]
    """
    if opens > lengths.max(initial=0):
        return []
    rows: list[list[int]] = []
    with_room: list[list[list[int]]] = [[] for _ in range(length + 1)]  # rows by the tokens left
    occupied = 0  # bit t: some row has t tokens left
    order = np.argsort(-np.asarray(lengths), kind="stable")
    for text, size in zip(order.tolist(), lengths[order].tolist(), strict=True):
        fitting = occupied >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            row = with_room[room].pop()
            if not with_room[room]:
                occupied ^= 1 << room
        elif size < opens:
            continue
        else:
            room, row = length, []
            rows.append(row)
        row.append(text)
        if len(row) != texts:
            with_room[room - size].append(row)
            occupied |= 1 << (room - size)
    return rows


def pack(
    token_lists: Ragged, shapes: Sequence[Shape], pad_id: int
) -> tuple[TokenBatch, Int32[np.ndarray, " n"]] | None:
    """Pack texts into the cheapest of the shapes that holds them.

    Args:
        token_lists: n texts as token ids, one token or more each.
        shapes: the allowed shapes, see ``choose_shapes``.
        pad_id: the token id that fills up.

    Returns:
        The packed rows, and the place of each text in them: row · k + number in the row. None
        where no shape holds the texts.

    Example:
        >>> from bscl_jax.data import Ragged, Shape, pack
        >>> batch, places = pack(Ragged.from_lists([[1, 2], [1, 5, 2]]), [Shape(1, 8, 2)], 0)
        >>> batch.ids.tolist(), batch.lengths.tolist(), places.tolist()
        ([[1, 5, 2, 1, 2, 0, 0, 0]], [[3, 2]], [1, 0])
    """
    sizes = token_lists.lengths
    for shape in sorted(shapes, key=lambda shape: shape.cost):
        if sizes.max() > shape.length or sizes.sum() > shape.rows * shape.length:
            continue
        rows = fill_rows(sizes, length=shape.length, texts=shape.texts)
        if len(rows) > shape.rows:
            rows = squeeze(sizes, rows=shape.rows, length=shape.length, texts=shape.texts)
        if rows is not None:
            batch, texts, found = lay_out(token_lists, rows, shape, pad_id)
            places = np.empty(len(token_lists), np.int32)
            places[texts] = found
            return batch, places
    return None


def lay_out(
    token_lists: Ragged, rows: Sequence[Sequence[int]] | Ragged, shape: Shape, pad_id: int
) -> tuple[TokenBatch, Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]]:
    """Make the batch in which each row has the texts that are given for it.

    Args:
        token_lists: texts as token ids.
        rows: the texts of each row, by position; n in all, no more than the shape has room for.
        shape: of the batch; rows that are not given stay empty.
        pad_id: the token id that fills up.

    Returns:
        The batch, its texts by position, row after row, and the place of each, as ``pack`` says.

    Example:
        >>> from bscl_jax.data import Ragged, Shape, lay_out
        >>> tokens = Ragged.from_lists([[1, 2], [1, 5, 2], [1, 6, 2]])
        >>> batch, texts, places = lay_out(tokens, [[1, 0], [2]], Shape(2, 6, 2), 0)
        >>> batch.ids.tolist(), texts.tolist(), places.tolist()
        ([[1, 5, 2, 1, 2, 0], [1, 6, 2, 0, 0, 0]], [1, 0, 2], [0, 1, 2])
    """
    rows = rows if isinstance(rows, Ragged) else Ragged.from_lists(rows)
    texts = rows.flat
    chosen = token_lists.take(texts)
    starts = np.arange(len(rows)) * shape.texts
    places = np.arange(len(texts)) + np.repeat(starts - rows.offsets[:-1], rows.lengths)
    lengths = np.zeros((shape.rows, shape.texts), np.int32)
    lengths.flat[places] = chosen.lengths
    mask = np.arange(shape.length) < lengths.sum(axis=1)[:, None]
    ids = np.full(mask.shape, pad_id, np.int32)
    ids[mask] = chosen.flat
    return TokenBatch(ids, mask, lengths), texts, places.astype(np.int32)
