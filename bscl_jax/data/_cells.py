"""What a cell may hold: functions from a cell to its value, for ``read_table``."""

import math
import unicodedata
from collections.abc import Callable

from bscl_jax.data._errors import quote

UNSEEN = ("Cc", "Cf")
"""Unicode categories of characters that show nothing: controls, and zero-width spaces, marks and
joiners."""


def as_text(cell: str) -> str:
    """Take a cell as text, unchanged.

    Args:
        cell: the cell.

    Returns:
        The cell itself.

    Raises:
        ValueError: if it is empty, or of white space and characters that show nothing only: a
            tokenizer makes nothing of them either.

    Example:
        >>> from bscl_jax.data import as_text
        >>> as_text("renew online?")
        'renew online?'
    """
    if _is_blank(cell):
        fault = f"{quote(cell)}, which shows nothing" if cell.strip() else "empty"
        raise ValueError(f"the text is {fault}; fill the cell or delete the row")
    return cell


def as_text_or_none(cell: str) -> str | None:
    """Take a cell as text, unchanged; one that ``as_text`` refuses as empty is None.

    Args:
        cell: the cell.

    Returns:
        The cell itself, or None.

    Example:
        >>> from bscl_jax.data import as_text_or_none
        >>> as_text_or_none("opening hours"), as_text_or_none(" ")
        ('opening hours', None)
    """
    return None if _is_blank(cell) else cell


def as_score(low: float, high: float) -> Callable[[str], float]:
    """Make a parser of scores on the scale from ``low`` to ``high``, both included.

    Args:
        low: the least score of the scale.
        high: the greatest; above ``low``.

    Returns:
        A function from a cell to its score, **not** scaled. It raises ValueError for what is no
        number, NaN, infinite or outside the scale.

    Raises:
        ValueError: if the ends of the scale or their distance are not finite, or it does not rise.

    Example:
        >>> from bscl_jax.data import as_score
        >>> as_score(0, 5)("4.25")
        4.25
    """
    if not (math.isfinite(high - low) and low < high):
        raise ValueError(
            f"a scale must run from a number to a greater one at a finite distance, got {low} to "
            f"{high}; similarity grades as in STSb take 0 to 5"
        )
    scale = f"{low:g} to {high:g}"

    def parse(cell: str) -> float:
        try:
            score = float(cell) if "_" not in cell else None
        except ValueError:
            score = None
        if score is None or not math.isfinite(score):
            fault = f"{quote(cell)} is not a finite number"
            raise ValueError(f"{fault}; write a number from {scale} or delete the row")
        if not low <= score <= high:
            fault = f"{quote(cell)} is outside the scale {scale}"
            raise ValueError(f"{fault}; correct it, or give the scale that the file uses")
        return score

    return parse


def one_of(*names: str) -> Callable[[str], str]:
    """Make a parser that takes only the given names.

    Args:
        *names: what the cell may hold, at least one.

    Returns:
        A function from a cell to the cell. It raises ValueError, listing the names, for others.

    Example:
        >>> from bscl_jax.data import one_of
        >>> one_of("train", "dev", "test")("dev")
        'dev'
    """
    known = ", ".join(names)

    def parse(cell: str) -> str:
        if cell not in names:
            raise ValueError(f"{quote(cell)} is unknown; write one of {known}")
        return cell

    return parse


def _is_blank(cell: str) -> bool:
    return all(each.isspace() or unicodedata.category(each) in UNSEEN for each in cell)
