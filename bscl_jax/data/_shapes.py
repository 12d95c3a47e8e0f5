"""A few shapes of packed batches, chosen from the lengths of the data."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from bscl_jax.data._fill import count_rows
from bscl_jax.data._pack import Lengths, Shape, fill_rows

TEXTS_TRIED = 50_000
"""So many texts are drawn, in batches, and packed into rows of each length."""

GROUP = 8
"""Pairs of like length that some batches have together, as neighbors are of like length."""

ROW_LENGTHS = (32, *range(48, 129, 8), 192, 256, 384, 512)
"""Rows are as long as the longest text or as one of these, up to that or up to ``FULL``."""

FULL = 128
"""Rows of so many tokens are filled well by short texts; longer ones make attention dear."""

WORTHWHILE = 0.003
"""A further shape must save this part of the cost: each takes seconds to compile."""


def choose_shapes(
    sides: Sequence[Lengths],
    *,
    batch_size: int,
    extras: Lengths | None = None,
    num_extras: int = 0,
    max_shapes: int = 6,
    multiple: int = 1,
    most_tokens: int = 512,
    pads_to_powers: bool = False,
) -> tuple[Shape, ...]:
    """Choose the shapes of packed batches that waste least on these texts.

    Batches are drawn, seven in eight at random and one of groups of like length, as neighbors have;
    each is packed into rows of several lengths. The largest shape holds the longest texts of the
    data all at once; others are added, each time the one that saves most, if it is worth while, and
    at last exchanged as long as that saves something.

    Args:
        sides: tokens of the n queries, and of the n targets: row i of both is a pair.
        batch_size: pairs of a batch, 1 to n.
        extras: tokens of the texts from which extra candidates come.
        num_extras: extra candidates of a batch.
        max_shapes: how many shapes may be chosen, at least 1.
        multiple: every number of rows is a multiple of this (the number of devices).
        most_tokens: most tokens of a row, at least those of the longest text.
        pads_to_powers: rows of 65 to 127 tokens are computed as of 128, so none are as long as
            that (``parallel.pads_to_powers``).

    Returns:
        The shapes, the largest first, the others in the order in which they were picked.

    Raises:
        ValueError: if ``max_shapes`` or ``multiple`` is below 1.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import choose_shapes
        >>> lengths = np.array([5, 6, 7, 8] * 8)
        >>> choose_shapes([lengths, lengths], batch_size=16, max_shapes=2)
        (Shape(rows=2, length=120, texts=22), Shape(rows=3, length=72, texts=14))
    """
    for name, value in {"max_shapes": max_shapes, "multiple": multiple}.items():
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    batches = _draw(sides, batch_size, extras, num_extras)
    longest = _longest(sides, batch_size, extras, num_extras)
    candidates: dict[Shape, Float[np.ndarray, " m"]] = {}
    largest: list[Shape] = []
    for length in _row_lengths(int(longest.max()), most_tokens, pads_to_powers):
        fitting = batches[0] <= length
        filled, texts = count_rows(batches[:, fitting], length)
        needed = np.full(len(fitting), np.inf)
        needed[fitting] = -(-filled // multiple) * multiple
        for rows in set(needed[fitting].astype(int).tolist()):
            shape = Shape(rows, length, texts)
            candidates[shape] = np.where(needed <= rows, shape.cost, np.inf)
        if longest.max() <= length:
            rows = len(fill_rows(longest, length=length, texts=texts))
            largest.append(Shape(_up(rows, multiple), length, texts))
    first = min(largest, key=lambda shape: (shape.cost, shape))
    shapes = sorted(candidates)
    costs = np.array([candidates[shape] for shape in shapes]).reshape(len(shapes), -1)
    others = _choose(costs, np.full(batches.shape[1], first.cost), max_shapes - 1)
    return (first, *(shapes[other] for other in others))


def _choose(
    costs: Float[np.ndarray, "c m"], ceiling: Float[np.ndarray, " m"], most: int
) -> list[int]:
    """Choose rows of a table of costs such that the least of each column is small on average.

    Args:
        costs: of m batches in each of c shapes, inf where one does not fit.
        ceiling: what each costs if none is chosen.
        most: rows to choose.
    """
    chosen: list[int] = []

    def best(rest: Float[np.ndarray, " m"]) -> tuple[int, float]:
        means = np.minimum(rest, costs).mean(axis=1)
        return int(means.argmin()), float(means.min())

    def least(rows: list[int]) -> Float[np.ndarray, " m"]:
        return np.minimum(ceiling, costs[rows].min(axis=0, initial=np.inf))

    mean = float(ceiling.mean())
    while len(costs) and len(chosen) < most:
        added, reached = best(least(chosen))
        if reached > (1 - WORTHWHILE) * mean:
            break
        chosen.append(added)
        mean = reached
    improved = len(chosen) > 1
    while improved:
        improved = False
        for place in range(len(chosen)):
            other, reached = best(least(chosen[:place] + chosen[place + 1 :]))
            if reached < mean:
                chosen[place], mean, improved = other, reached, True
    return chosen


def _row_lengths(longest: int, most_tokens: int, pads_to_powers: bool) -> list[int]:
    """Return the lengths of rows that come into question, where the longest text has so many."""
    top = min(_up(longest, 8), most_tokens)
    most = min(max(top, FULL), most_tokens)
    found = {top, *(length for length in ROW_LENGTHS if length <= most)}
    if pads_to_powers and most >= FULL:
        found = {FULL if FULL // 2 < length < FULL else length for length in found}
    return sorted(found)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _draw(
    sides: Sequence[Lengths], batch_size: int, extras: Lengths | None, num_extras: int
) -> Int64[np.ndarray, "n m"]:
    """Draw m batches: the lengths of all n texts of each, the longest first."""
    random = np.random.default_rng(0)
    n, texts = len(sides[0]), len(sides) * batch_size + num_extras
    count = int(np.clip(TEXTS_TRIED // texts, 8, 800))
    by_length = np.argsort(np.sum(sides, axis=0), kind="stable")
    drawn = []
    for number in range(count):
        if number % 8:
            rows = random.choice(n, batch_size, replace=False)
        else:
            size = min(GROUP, batch_size)
            starts = random.integers(n - size + 1, size=(-(-batch_size // size), 1))
            rows = by_length[starts + np.arange(size)].ravel()[:batch_size]
        parts = [side[rows] for side in sides]
        if extras is not None and num_extras:
            parts.append(random.choice(extras, num_extras))
        drawn.append(np.concatenate(parts))
    return -np.sort(-np.array(drawn, np.int64).T, axis=0)


def _longest(
    sides: Sequence[Lengths], batch_size: int, extras: Lengths | None, num_extras: int
) -> Lengths:
    """Return the lengths of a batch than which none has longer texts."""
    parts = [np.sort(side)[-batch_size:] for side in sides]
    if extras is not None and num_extras:
        parts.append(np.resize(np.sort(extras)[-num_extras:], num_extras))
    return np.concatenate(parts)
