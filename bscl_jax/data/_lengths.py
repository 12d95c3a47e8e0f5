"""A few padded lengths, so that few shapes are compiled and little padding is computed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, Integer

from bscl_jax.data._ragged import Ragged
from bscl_jax.types import TokenBatch

WORTHWHILE = 0.01
"""A further shape must save this part of the padded tokens: each costs seconds to compile."""


def choose_lengths(
    lengths: Sequence[int] | Integer[np.ndarray, " n"],
    *,
    max_shapes: int = 3,
    multiple: int = 8,
    batch_size: int = 1,
) -> tuple[int, ...]:
    r"""Choose the padded lengths that waste least on these texts.

    A batch is padded to the smallest chosen length that fits its longest text. What counts is
    therefore the histogram of *batch maxima*, which follows from the histogram of lengths: among
    b texts drawn at random the longest has at most l tokens with probability F(l)^b, where F(l)
    is the part of the texts with at most l. Over that histogram h a dynamic programme finds

    .. math:: \min_{L_1 < \dots < L_m} \sum_l h(l) \min \{L_k : L_k \ge l\}, \qquad m \le
       \text{max\_shapes}.

    Args:
        lengths: tokens of each of n texts, each at least 1.
        max_shapes: how many lengths may be chosen, at least 1. Fewer are, if a further one would
            save less than 1 % of the padded tokens.
        multiple: every chosen length is a multiple of this many tokens.
        batch_size: texts that are padded together. 1 suits batches of like lengths
            (``length_batches``); the batch size of training suits random order.

    Returns:
        The lengths, rising; the last one fits the longest text.

    Raises:
        ValueError: if there are no lengths, one is below 1, or another argument is.

    Example:
        >>> from bscl_jax.data import choose_lengths
        >>> choose_lengths([5, 6, 7, 8, 30, 31, 100], max_shapes=3)
        (8, 32, 104)
        >>> choose_lengths([5, 6, 7, 8, 30, 31, 100], max_shapes=2)
        (32, 104)
        >>> choose_lengths([5, 6, 7, 8, 30, 31, 100], max_shapes=2, batch_size=64)
        (104,)
    """
    texts = np.asarray(lengths, dtype=np.int64)
    _check_at_least_one(max_shapes=max_shapes, multiple=multiple, batch_size=batch_size)
    if texts.size == 0 or texts.min() < 1:
        got = "none" if texts.size == 0 else texts.min()
        raise ValueError(f"lengths must be 1 token or more of at least one text, got {got}")
    candidates, counts = np.unique(-(-texts // multiple) * multiple, return_counts=True)
    at_most = (np.cumsum(counts) / texts.size) ** batch_size
    return _cheapest_cover(candidates, at_most, max_shapes)


def _check_at_least_one(**arguments: int) -> None:
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")


def _cheapest_cover(
    candidates: Int64[np.ndarray, " m"], at_most: Float[np.ndarray, " m"], max_shapes: int
) -> tuple[int, ...]:
    """Choose from rising candidates; ``at_most[i]`` is the share of batches that fit the i-th.

    ``costs[k][j]`` is the least mean padded length of the batches that fit candidate j, if k + 1
    lengths are chosen and j is the last of them; ``before[k][j]`` is the one chosen before it.
    """
    m = len(candidates)
    share = at_most[None, :] - at_most[:, None]
    last = np.where(np.tri(m, k=0, dtype=bool), np.inf, share * candidates[None, :])
    costs = [at_most * candidates]
    before: list[Int64[np.ndarray, " m"]] = []
    for _ in range(1, min(max_shapes, m)):
        total = costs[-1][:, None] + last
        before.append(np.argmin(total, axis=0))
        costs.append(np.min(total, axis=0))
    best = min(cost[-1] for cost in costs)
    shapes = next(k for k, cost in enumerate(costs) if cost[-1] <= best / (1 - WORTHWHILE))
    chosen = [m - 1]
    for previous in reversed(before[:shapes]):
        chosen.append(int(previous[chosen[-1]]))
    return tuple(int(candidates[i]) for i in reversed(chosen))


def pad(
    token_lists: Sequence[Sequence[int]] | Ragged, lengths: Sequence[int], pad_id: int
) -> TokenBatch:
    """Pad texts to the smallest of the lengths that fits all of them.

    Args:
        token_lists: b texts as token ids, one token or more each.
        lengths: the allowed lengths in tokens, rising, see ``choose_lengths``.
        pad_id: the token id that fills up.

    Returns:
        ids (b, s) int32 and mask (b, s), True on real tokens; s is one of ``lengths``, the first
        where there are no texts.

    Raises:
        ValueError: if a text is empty or longer than the last length, or lengths do not rise.

    Example:
        >>> from bscl_jax.data import pad
        >>> batch = pad([[101, 7, 102], [101, 102]], (4, 8), 0)
        >>> batch.ids.tolist(), batch.mask.sum(axis=1).tolist()
        ([[101, 7, 102, 0], [101, 102, 0, 0]], [3, 2])
    """
    rows = token_lists if isinstance(token_lists, Ragged) else Ragged.from_lists(token_lists)
    sizes = rows.lengths
    if not sizes.all():
        empty = int(np.argmin(sizes))
        raise ValueError(
            f"a text must have a token or more, text {empty} has none; "
            "let the tokenizer add the special tokens"
        )
    length = fitting_length(int(sizes.max(initial=0)), lengths)
    mask = np.arange(length) < sizes[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int32)
    ids[mask] = rows.flat
    return TokenBatch(ids, mask)


def fitting_length(longest: int, lengths: Sequence[int]) -> int:
    """Find the smallest of the lengths that holds ``longest`` tokens.

    Args:
        longest: tokens of the longest text.
        lengths: the allowed lengths, rising.

    Returns:
        One of ``lengths``.

    Raises:
        ValueError: if none fits, or they do not rise.
    """
    if not lengths or list(lengths) != sorted(set(lengths)):
        raise ValueError(f"lengths must rise and be at least one, got {tuple(lengths)}")
    if longest > lengths[-1]:
        raise ValueError(
            f"a text of {longest} tokens does not fit the longest length {lengths[-1]}; "
            "choose the lengths from these texts too, or cut the texts when tokenizing"
        )
    return next(length for length in lengths if length >= longest)
