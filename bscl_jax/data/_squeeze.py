"""Texts in a given number of rows, where best fit needs more: rows filled to the last token."""

import numpy as np
from jaxtyping import Integer

MOST_TEXTS = 128
"""It tries no more: the time grows with their square, and best fit gets better."""


def squeeze(
    lengths: Integer[np.ndarray, " n"], *, rows: int, length: int, texts: int | None = None
) -> list[list[int]] | None:
    """Put texts into so many rows.

    Row by row: the longest text that is left, and then, the longer first, each with which the row
    can still become nearly full, so that it leaves no more than twice its share of the tokens that
    are free in all.

    Args:
        lengths: tokens of each of n texts, 1 to ``length``.
        rows: so many at most.
        length: tokens that a row has room for.
        texts: most texts of a row; None for any number.

    Returns:
        The texts of each row, by position; None where it finds no way, and for more than
        ``MOST_TEXTS``. A function of the arguments alone.

    Example:
        >>> import numpy as np
        >>> squeeze(np.array([6, 5, 5, 3, 3, 2]), rows=2, length=12)  # best fit needs three
        [[0, 3, 4], [1, 2, 5]]
    """
    if len(lengths) > MOST_TEXTS:
        return None
    spare = rows * length - int(lengths.sum())
    rest = np.argsort(-lengths, kind="stable").tolist()
    sizes = lengths.tolist()
    filled: list[list[int]] = []
    while rest and spare >= 0 and len(filled) < rows:
        most = 2 * spare // (rows - len(filled))
        row, free = _fill_row(rest, sizes, length, most, texts)
        filled.append(row)
        spare -= free
        taken = set(row)
        rest = [text for text in rest if text not in taken]
    return None if rest or spare < 0 else filled


def _fill_row(
    rest: list[int], sizes: list[int], length: int, most: int, texts: int | None
) -> tuple[list[int], int]:
    """Fill a row so that ``most`` tokens stay free, or as few as can be.

    Returns:
        Its texts, and the tokens that stay free.
    """
    first, *others = rest
    room = length - sizes[first]
    sums, of_those_after = 1, []  # bit t: some of the texts have t tokens together
    for text in reversed(others):
        of_those_after.append(sums)
        sums |= sums << sizes[text] & (1 << room + 1) - 1
    row, least = [first], min(room - most, sums.bit_length() - 1)
    for text in others:
        after, size = of_those_after.pop(), sizes[text]
        if len(row) == texts or size > room:
            continue
        wanted = max(least - size, 0)  # to room - size tokens more
        if after >> wanted & (1 << room - size - wanted + 1) - 1:
            row.append(text)
            least, room = least - size, room - size
    return row, room
