"""Which candidates are negatives of a row: all that share no mark with it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Integer

Mark = Integer[Array, " n *words"]
"""One integer a row, or a row of two: its place in the batch, or the content id of a text.

With three axes a row has several marks of one kind, (n, p, words): any of them will do.
"""


class Marks(NamedTuple):
    """The marks of the two sides of a similarity matrix, compared mark by mark in their order."""

    rows: tuple[Mark, ...]
    columns: tuple[Mark, ...]


def marks_of_pairs(
    places: Int[Array, " b"],
    query_ids: Integer[Array, " b *query_words"] | None,
    target_ids: Integer[Array, " b *target_words"] | None,
    positive_ids: Integer[Array, "b p *target_words"] | None = None,
) -> Marks:
    """Marks that leave out the row's own pair, pairs that share a text with it, known positives.

    Sharing is mutual, so what is no negative of a row is none of the column of the same pair. That
    a target is known to belong to a query says nothing of the query and the target of that pair's.

    Args:
        places: where the pairs stand in the whole batch.
        query_ids: content ids of the queries; None = not known.
        target_ids: content ids of the targets; None = not known.
        positive_ids: content ids of further targets of each query; None = there are none.

    Returns:
        The marks; those of positives apart, rows and columns have the same.
    """
    known = tuple(ids for ids in (query_ids, target_ids) if ids is not None)
    return _joined(Marks((places, *known), (places, *known)), positive_ids, target_ids)


def marks_of_labelled_pairs(
    places: Int[Array, " b"],
    query_ids: Integer[Array, " b *query_words"] | None,
    target_ids: Integer[Array, " b *target_words"] | None,
    labelled_negatives: Bool[Array, " b"],
    positive_ids: Integer[Array, "b p *target_words"] | None = None,
) -> tuple[Marks, Marks]:
    """Marks for the sums of rows, and those for the sums of columns, where pairs are labelled.

    A pair that is labelled a negative makes its target no positive of the rows with its query, nor
    its query a positive of the columns with its target. Equal texts are left out all the same.

    Args:
        places: where the pairs stand in the whole batch.
        query_ids: content ids of the queries; None = not known.
        target_ids: content ids of the targets; None = not known.
        labelled_negatives: True where the pair is known to be none.
        positive_ids: content ids of further targets of each query; None = there are none.

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
    rows, columns = (Marks(*zip(*pairs, strict=True)) for pairs in (of_rows, of_columns))
    return (
        _joined(rows, positive_ids, target_ids),
        _joined(columns, positive_ids, target_ids),
    )


def marks_of_extras(
    target_ids: Integer[Array, " b *words"] | None,
    extra_ids: Integer[Array, " e *words"] | None,
    positive_ids: Integer[Array, "b p *words"] | None = None,
) -> Marks:
    """Marks that leave out the extra candidates with the text of the own target or a positive."""
    if target_ids is None or extra_ids is None:
        return Marks((), ())
    ids = extra_ids.astype(target_ids.dtype)
    return _joined(Marks((target_ids,), (ids,)), positive_ids, ids)


def turned(marks: Marks) -> Marks:
    """Returns the marks of the matrix with rows and columns exchanged."""
    return Marks(marks.columns, marks.rows)


def excluded(marks: Marks) -> Bool[Array, "b c"] | None:
    """Marks with True what is no negative of the row; None = all are negatives."""
    found = None
    for of_rows, of_columns in zip(marks.rows, marks.columns, strict=True):
        equal = _equal(of_rows, of_columns)
        found = equal if found is None else found | equal
    return found


def _equal(
    of_rows: Integer[Array, " b *row_words"], of_columns: Integer[Array, " c *column_words"]
) -> Bool[Array, "b c"]:
    if of_columns.ndim == 3:
        return _equal(of_columns, of_rows).T
    if of_rows.ndim == 3:
        words = of_columns if of_columns.ndim == 2 else of_columns[:, jnp.newaxis]
        equal = jnp.all(of_rows[:, jnp.newaxis] == words[jnp.newaxis, :, jnp.newaxis], axis=-1)
        return jnp.any(equal, axis=-1)
    equal = of_rows[:, jnp.newaxis] == of_columns[jnp.newaxis]
    return equal if equal.ndim == 2 else jnp.all(equal, axis=-1)


def _joined(
    marks: Marks,
    positive_ids: Integer[Array, "b p *words"] | None,
    ids: Integer[Array, " c *words"] | None,
) -> Marks:
    """Adds the marks that leave out columns with one of the positive ids of a row."""
    if positive_ids is None or ids is None:
        return marks
    several = positive_ids.astype(ids.dtype)
    several = several if several.ndim == 3 else several[:, :, jnp.newaxis]
    return Marks((*marks.rows, several), (*marks.columns, ids))


def negatives_only(logits: Float[Array, "b c"], marks: Marks) -> Float[Array, "b c"]:
    """Returns the logits, -inf for what is no negative of the row."""
    left_out = excluded(marks)
    return logits if left_out is None else jnp.where(left_out, -jnp.inf, logits)
