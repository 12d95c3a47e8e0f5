"""The options that all tasks of rows have, checked before anything is read."""

import re
from collections.abc import Mapping, Sequence

from bscl_jax.data._table import check_on_error

NEGATIVE = re.compile(r"negative(_[1-9][0-9]*)?")


def check_columns(
    columns: Mapping[str, str] | None, *, required: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Check which columns are named.

    Args:
        columns: the names of the columns by part; None means the required parts, each under its
            own name.
        required: the parts that must be named.
        optional: those that may be named. So may hard negatives: ``negative``, or ``negative_1``,
            ``negative_2``, ….

    Returns:
        The names of the columns.

    Raises:
        ValueError: if a part is missing or unknown, or two have the same column.
    """
    columns = dict(columns) if columns is not None else {name: name for name in required}
    unknown = [part for part in columns if part not in (*required, *optional)]
    if not (set(required) <= set(columns) and all(map(NEGATIVE.fullmatch, unknown))):
        raise ValueError(
            f"columns must name {', '.join(required)} and, if there is one, {', '.join(optional)}, "
            f"and of hard negatives negative, negative_1, negative_2, …; got {columns}"
        )
    of_splits = [column for part, column in columns.items() if part != "corpus"]
    if len(set(of_splits)) < len(of_splits):
        raise ValueError(f"columns must name a column of its own for each part; got {columns}")
    return columns


def check_options(label_range: Sequence[float], on_error: str) -> None:
    """Check the scale of the labels, and what becomes of rows that cannot be used.

    Args:
        label_range: lowest and highest label.
        on_error: a key of ``read_table``'s argument of that name.

    Raises:
        ValueError: if one of them cannot be.
    """
    if len(label_range) != 2 or not label_range[0] < label_range[1]:
        raise ValueError(
            f"label_range must be a lowest and a highest label, got {list(label_range)}; "
            "for STSb write [0, 5]"
        )
    check_on_error(on_error)


def negative_columns(columns: Mapping[str, str]) -> list[str]:
    """Return the names of the columns of hard negatives, by rising number."""
    parts = [part for part in columns if part.startswith("negative")]
    return [columns[part] for part in sorted(parts, key=lambda part: (len(part), part))]
