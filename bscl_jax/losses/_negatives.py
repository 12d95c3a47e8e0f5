"""Which candidates are negatives of a row: all that share no mark with it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Integer

Mark = Integer[Array, " n *words"]
"""One integer a row, or a row of two: its place in the batch, or the content id of a text."""


class Marks(NamedTuple):
    """The marks of the two sides of a similarity matrix, compared mark by mark in their order."""

    rows: tuple[Mark, ...]
    columns: tuple[Mark, ...]


def marks_of_pairs(
    places: Int[Array, " b"],
    query_ids: Integer[Array, " b *query_words"] | None,
    target_ids: Integer[Array, " b *target_words"] | None,
) -> Marks:
    """Marks that leave out the row's own pair and pairs that share a text with it.

    Sharing is mutual, so what is no negative of a row is none of the column of the same pair.

    Args:
        places: where the pairs stand in the whole batch.
        query_ids: content ids of the queries; None = not known.
        target_ids: content ids of the targets; None = not known.

    Returns:
        The marks, those of the columns being those of the rows.
    """
    known = tuple(ids for ids in (query_ids, target_ids) if ids is not None)
    return Marks((places, *known), (places, *known))


def marks_of_labelled_pairs(
    places: Int[Array, " b"],
    query_ids: Integer[Array, " b *query_words"] | None,
    target_ids: Integer[Array, " b *target_words"] | None,
    labelled_negatives: Bool[Array, " b"],
) -> tuple[Marks, Marks]:
    """Marks for the sums of rows, and those for the sums of columns, where pairs are labelled.

    A pair that is labelled a negative makes its target no positive of the rows with its query, nor
    its query a positive of the columns with its target. Equal texts are left out all the same.

    Args:
        places: where the pairs stand in the whole batch.
        query_ids: content ids of the queries; None = not known.
        target_ids: content ids of the targets; None = not known.
        labelled_negatives: True where the pair is known to be none.

    Returns:
        What leaves targets out of the sums of rows, and what leaves queries out of the columns'.
    """

    def flagged(
        ids: Integer[Array, " b *words"], flag: Bool[Array, " b"]
    ) -> Integer[Array, "b more"]:
        words = ids if ids.ndim == 2 else ids[:, jnp.newaxis]
        return jnp.concatenate([words, flag.astype(ids.dtype)[:, jnp.newaxis]], axis=1)

    positive = jnp.zeros_like(labelled_negatives)
    of_rows, of_columns = [(places, places)], [(places, places)]
    if query_ids is not None:
        pair = flagged(query_ids, positive), flagged(query_ids, labelled_negatives)
        of_rows.append(pair)
        of_columns.append((query_ids, query_ids))
    if target_ids is not None:
        pair = flagged(target_ids, labelled_negatives), flagged(target_ids, positive)
        of_rows.append((target_ids, target_ids))
        of_columns.append(pair)
    return Marks(*zip(*of_rows, strict=True)), Marks(*zip(*of_columns, strict=True))


def marks_of_extras(
    target_ids: Integer[Array, " b *words"] | None, extra_ids: Integer[Array, " e *words"] | None
) -> Marks:
    """Marks that leave out the extra candidates that have the text of the row's own target."""
    if target_ids is None or extra_ids is None:
        return Marks((), ())
    return Marks((target_ids,), (extra_ids.astype(target_ids.dtype),))


def excluded(marks: Marks) -> Bool[Array, "b c"] | None:
    """Marks with True what is no negative of the row; None = all are negatives."""
    found = None
    for of_rows, of_columns in zip(marks.rows, marks.columns, strict=True):
        equal = of_rows[:, jnp.newaxis] == of_columns[jnp.newaxis]
        equal = equal if equal.ndim == 2 else jnp.all(equal, axis=-1)
        found = equal if found is None else found | equal
    return found


def negatives_only(logits: Float[Array, "b c"], marks: Marks) -> Float[Array, "b c"]:
    """Returns the logits, -inf for what is no negative of the row."""
    left_out = excluded(marks)
    return logits if left_out is None else jnp.where(left_out, -jnp.inf, logits)
