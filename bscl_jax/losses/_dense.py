"""The sums over the negatives from the whole similarity matrix, which serves both directions."""

from collections.abc import Hashable

from bscl_jax.losses._comparison import BothSums, Comparison, Options
from bscl_jax.losses._dot import logits
from bscl_jax.losses._gather import exchange, gather
from bscl_jax.losses._log_sum_exp import Sums, merge, sum_exp
from bscl_jax.losses._negatives import Marks, negatives_only


def dense_sums(comparison: Comparison, options: Options) -> BothSums:
    """Builds the matrix of this device's rows against the columns of all devices."""
    axis_name = options.axis_name
    rows, columns = comparison.rows, comparison.columns
    everyone = gather(columns.vectors, axis_name)
    similarity = logits(rows.vectors, everyone, comparison.boost, options.precision)
    for_rows = negatives_only(similarity, _everywhere(comparison.marks, axis_name))
    for_columns = for_rows
    if comparison.column_marks is not None:
        others = _everywhere(comparison.column_marks, axis_name)
        for_columns = negatives_only(similarity, others)
    of_rows = of_columns = None
    if options.direction != "targets":
        of_rows = sum_exp(for_rows, axis=1)
    if options.direction != "queries":
        # This device's rows are a part of every column; the parts meet at the column's owner.
        parts = sum_exp(for_columns, axis=0)
        of_columns = merge(Sums(*(exchange(part, axis_name) for part in parts)))
    return BothSums(of_rows, of_columns)


def _everywhere(marks: Marks, axis_name: Hashable | None) -> Marks:
    return Marks(marks.rows, tuple(gather(mark, axis_name) for mark in marks.columns))
