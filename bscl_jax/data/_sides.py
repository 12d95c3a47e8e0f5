"""What the two sides of the pairs share, or have each of their own."""

from typing import TypeVar, cast

Thing = TypeVar("Thing")


def by_side(given: Thing | tuple[Thing, Thing]) -> tuple[Thing, Thing]:
    """Return what is meant for the queries and what for the targets.

    Args:
        given: one for both, or a tuple of two: for the queries, for the targets.

    Example:
        >>> from bscl_jax.data import by_side
        >>> by_side(str.lower) == (str.lower, str.lower)
        True
    """
    return cast(tuple[Thing, Thing], given if isinstance(given, tuple) else (given, given))
