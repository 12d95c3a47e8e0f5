"""Batches cut from tokenized texts: for training along an order, for embedding by length."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64, Integer

from bscl_jax.data._lengths import fitting_length, pad
from bscl_jax.data._negatives import choose_extras, first_negatives
from bscl_jax.data._pack import Shape, pack
from bscl_jax.data._positives import positive_ids
from bscl_jax.data._ragged import Ragged
from bscl_jax.data._sides import by_side
from bscl_jax.data._tokens import PairTokens
from bscl_jax.types import PairBatch, TokenBatch


def num_batches(n: int, batch_size: int) -> int:
    """Count the batches of an epoch; the last one may be filled up.

    Args:
        n: pairs of the epoch.
        batch_size: pairs of a batch, 1 to n.

    Returns:
        n / batch_size, rounded up.

    Raises:
        ValueError: if the batch size is below 1 or above n.

    Example:
        >>> from bscl_jax.data import num_batches
        >>> num_batches(10, 4)
        3
    """
    if not 1 <= batch_size <= n:
        remedy = "give more pairs" if n < 1 else f"choose a batch_size from 1 to {n}"
        raise ValueError(
            f"batch_size must be 1 or more and at most the {n} pairs of the data, "
            f"got {batch_size}; {remedy}"
        )
    return -(-n // batch_size)


def make_pair_batch(
    store: PairTokens,
    order: Integer[np.ndarray, " n"],
    k: int,
    *,
    batch_size: int,
    query_lengths: Sequence[int],
    target_lengths: Sequence[int],
    pad_id: int | tuple[int, int],
    num_extras: int = 0,
    extra_lengths: Sequence[int] = (),
    extra_multiple: int = 1,
    extras_of: Literal["batch", "rows"] = "batch",
    shapes: Sequence[Shape] = (),
) -> PairBatch:
    """Cut batch k of an epoch: a pure function of its arguments.

    Every batch has ``batch_size`` rows, so that one compiled step serves all. Where the order
    ends within the last batch, rows from the beginning of the order fill it up. They have weight
    0: their texts are candidates for the other rows, but they have no term of their own, so that
    each row of the order counts exactly once in an epoch.

    Args:
        store: the tokenized pairs.
        order: n rows of the store, in the order of the epoch.
        k: which batch, 0 to ``num_batches(n, batch_size)`` - 1.
        batch_size: rows b of the batch, 1 to n.
        query_lengths: the padded lengths in tokens that queries may have, rising.
        target_lengths: the same for targets.
        pad_id: the token id that fills up; a tuple of two where queries and targets have a
            tokenizer each.
        num_extras: e, the extra candidates of the batch, 0 or more: the hard negatives of its rows,
            the first of each before the second of any, then those of the rows that follow in the
            order. Where the data has not enough that fit (no text twice, no target and no known
            positive of the batch), half as many are taken, a quarter, …, so that there are few
            shapes; with none at all the batch has no extras.
        extra_lengths: the padded lengths that extra candidates may have, rising.
        extra_multiple: fewer than ``num_extras`` are a multiple of this (the number of devices).
        extras_of: ``"rows"`` takes the first hard negative of each row instead, in the order of the
            rows and whatever ``num_extras`` is: e = b, for losses of triplets.
        shapes: pack all texts into the cheapest of these that holds them; the lengths are for a
            batch that none holds, and for all batches where there are no shapes.

    Returns:
        The batch, NumPy arrays.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import make_pair_batch, tokenize_pairs
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["a", "b", "c"], ["d", "e", "f"])
        >>> store = tokenize_pairs(pairs, lambda texts: [[1, ord(t), 2] for t in texts])
        >>> keywords = dict(batch_size=2, query_lengths=(4,), target_lengths=(4,), pad_id=0)
        >>> batch = make_pair_batch(store, np.array([2, 0, 1]), 1, **keywords)
        >>> batch.queries.ids.tolist(), batch.weights.tolist()
        ([[1, 98, 2, 0], [1, 99, 2, 0]], [1.0, 0.0])
    """
    n = len(order)
    count = num_batches(n, batch_size)
    if not 0 <= k < count:
        raise ValueError(f"k must be 0 to {count - 1}, the last batch of the order, got {k}")
    places = k * batch_size + np.arange(batch_size)
    rows = np.asarray(order)[places % n]
    if rows.min() < 0 or rows.max() >= len(store.scores):
        raise ValueError(
            f"the order must hold rows 0 to {len(store.scores) - 1} of the store, batch {k} has "
            f"{rows.min()} to {rows.max()}; make the order from the same data"
        )
    chosen = np.zeros(0, np.int64)
    if store.negatives is not None and extras_of == "rows":
        chosen = first_negatives(store.negatives, rows)
    elif store.negatives is not None and num_extras > 0:
        chosen = choose_extras(
            store.negatives,
            order,
            k,
            batch_size=batch_size,
            num_extras=num_extras,
            multiple=extra_multiple,
        )
    sides = [store.queries.take(rows), store.targets.take(rows)]
    lengths, extra_ids = [query_lengths, target_lengths], None
    if store.negatives is not None and len(chosen):
        sides.append(store.negatives.tokens.take(chosen))
        lengths.append(extra_lengths)
        extra_ids = store.negatives.ids[chosen]
    query_ids, target_ids = store.query_ids[rows], store.target_ids[rows]
    packed, texts = _packed_or_padded(sides, shapes, lengths, pad_id)
    return PairBatch(
        queries=texts[0],
        targets=texts[1],
        scores=store.scores[rows],
        weights=(places < n).astype(np.float32),
        query_ids=query_ids,
        target_ids=target_ids,
        extras=texts[2] if len(chosen) else None,
        extra_ids=extra_ids,
        positive_ids=positive_ids(store.positives, rows, query_ids, target_ids),
        packed=packed,
    )


def _packed_or_padded(
    sides: list[Ragged],
    shapes: Sequence[Shape],
    lengths: Sequence[Sequence[int]],
    pad_id: int | tuple[int, int],
) -> tuple[TokenBatch | None, list[Any]]:
    """Return the packed rows and the places of each side in them, or None and padded sides."""
    query_pad, target_pad = by_side(pad_id)
    if shapes and (found := pack(Ragged.join(sides), shapes, query_pad)):
        packed, places = found
        ends = np.cumsum([len(side) for side in sides])
        return packed, np.split(places, ends[:-1])
    pads = [query_pad, *[target_pad] * (len(sides) - 1)]
    return None, [pad(*each) for each in zip(sides, lengths, pads, strict=True)]


def length_batches(
    token_lists: Sequence[Sequence[int]] | Ragged, *, batch_size: int, lengths: Sequence[int]
) -> Iterator[tuple[Int64[np.ndarray, " b"], list[Sequence[int]] | Ragged]]:
    """Cut texts into batches of like lengths, the longest first.

    Little is padded, and the first batch needs the most memory: what passes it passes all.
    Texts of one length keep their order. The last batch may have fewer rows.

    Args:
        token_lists: n texts as token ids.
        batch_size: texts b of a batch, 1 or more; above n there is one batch.
        lengths: the padded lengths that ``pad`` will be given, rising.

    Returns:
        For each batch the positions of its texts among the n, and their token ids, as lists or as a
        ``Ragged``, whichever was given.

    Raises:
        ValueError: before the first batch, if a text does not fit the last length or
            ``batch_size`` is below 1.

    Example:
        >>> from bscl_jax.data import length_batches
        >>> texts = [[1, 2], [1, 7, 7, 2], [1, 7, 2]]
        >>> for rows, tokens in length_batches(texts, batch_size=2, lengths=(4,)):
        ...     print(rows.tolist(), tokens)
        [1, 2] [[1, 7, 7, 2], [1, 7, 2]]
        [0] [[1, 2]]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}; 64 suits most machines")
    if isinstance(token_lists, Ragged):
        sizes = token_lists.lengths
    else:
        sizes = np.array([len(tokens) for tokens in token_lists], dtype=np.int64)
    fitting_length(int(sizes.max(initial=0)), lengths)
    longest_first = np.argsort(-sizes, kind="stable")
    batches = (
        longest_first[start : start + batch_size] for start in range(0, len(sizes), batch_size)
    )
    return ((rows, _take(token_lists, rows)) for rows in batches)


def _take(
    token_lists: Sequence[Sequence[int]] | Ragged, rows: Int64[np.ndarray, " b"]
) -> list[Sequence[int]] | Ragged:
    if isinstance(token_lists, Ragged):
        return token_lists.take(rows)
    return [token_lists[row] for row in rows]
