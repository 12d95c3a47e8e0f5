"""Content ids: which candidates are the same text as the positive, and so no negatives."""

from collections.abc import Hashable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer

from bscl_jax.losses._gather import gather, positions


class Ids(NamedTuple):
    """Equal ids mean equal texts; one integer a text, or a row of two. None = not known."""

    queries: Integer[Array, " b *query_words"] | None
    targets: Integer[Array, " b *target_words"] | None
    extras: Integer[Array, " e *target_words"] | None


def excluded_pairs(
    shape: tuple[int, ...], ids: Ids, axis_name: Hashable | None
) -> Bool[Array, "b w"]:
    """Marks what is no negative of the row: its own positive and pairs that share a text with it.

    Sharing is mutual, so the mask of a column is that of the row of the same pair.
    """
    own = positions(shape[0], axis_name)
    excluded = own[:, jnp.newaxis] == jnp.arange(shape[1])[jnp.newaxis]
    for side in (ids.queries, ids.targets):
        if side is not None:
            excluded |= _same(side, gather(side, axis_name))
    return excluded


def excluded_extras(ids: Ids, axis_name: Hashable | None) -> Bool[Array, "b w"] | None:
    """Marks the extra candidates that have the text of the row's own target; None = none."""
    if ids.targets is None or ids.extras is None:
        return None
    return _same(ids.targets, gather(ids.extras.astype(ids.targets.dtype), axis_name))


def _same(
    rows: Integer[Array, " b *words"], columns: Integer[Array, " w *words"]
) -> Bool[Array, "b w"]:
    equal = rows[:, jnp.newaxis] == columns[jnp.newaxis]
    return equal if equal.ndim == 2 else jnp.all(equal, axis=-1)
