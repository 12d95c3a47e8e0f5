"""The sums over the negatives from the whole similarity matrix, which serves both directions."""

import jax.numpy as jnp

from bscl_jax.losses._comparison import BothSums, Comparison, Options
from bscl_jax.losses._dot import logits
from bscl_jax.losses._gather import exchange, gather
from bscl_jax.losses._log_sum_exp import Sums, merge, sum_exp
from bscl_jax.losses._negatives import Marks, excluded


def dense_sums(comparison: Comparison, options: Options) -> BothSums:
    """Builds the matrix of this device's rows against the columns of all devices."""
    axis_name = options.axis_name
    rows, columns, marks, _, boost = comparison
    similarity = logits(rows.vectors, gather(columns.vectors, axis_name), boost)
    everyone = tuple(gather(mark, axis_name) for mark in marks.columns)
    left_out = excluded(Marks(marks.rows, everyone))
    if left_out is not None:
        similarity = jnp.where(left_out, -jnp.inf, similarity)
    of_rows = of_columns = None
    if options.direction != "targets":
        of_rows = sum_exp(similarity, axis=1)
    if options.direction != "queries":
        # This device's rows are a part of every column; the parts meet at the column's owner.
        parts = sum_exp(similarity, axis=0)
        of_columns = merge(Sums(*(exchange(part, axis_name) for part in parts)))
    return BothSums(of_rows, of_columns)
