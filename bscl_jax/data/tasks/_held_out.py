"""A dev split for data that have none, cut from the training rows."""

from collections.abc import Sequence
from typing import TypeVar

from bscl_jax.data.tasks._draw import draw

Row = TypeVar("Row")


def hold_out(
    rows: Sequence[Row], groups: Sequence[str], *, share: float, seed: int
) -> tuple[list[Row], list[Row]]:
    """Cut a share of the groups off.

    Args:
        rows: n training rows.
        groups: the group of each row, such as its query: one that is cut off goes whole.
        share: of the groups, between 0 and 1; one group at least is cut off.
        seed: another one cuts others off. The order of the rows does not matter.

    Returns:
        The rows that stay, and those cut off.

    Raises:
        ValueError: if the share is not between 0 and 1, or nothing would stay.
    """
    if not 0 < share < 1:
        raise ValueError(f"dev_share must be above 0 and below 1, was {share}; 0.1 suits")
    names = list(dict.fromkeys(groups))
    num = max(1, round(share * len(names)))
    if num >= len(names):
        raise ValueError(
            f"dev_share {share} leaves nothing to train on: it takes {num} of {len(names)} groups "
            "of rows; give more rows or a smaller share"
        )
    chosen = {names[position] for position in draw(names, num, seed=seed)}
    stay = [row for row, group in zip(rows, groups, strict=True) if group not in chosen]
    cut = [row for row, group in zip(rows, groups, strict=True) if group in chosen]
    return stay, cut
