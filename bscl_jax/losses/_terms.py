"""Each pair's -log softmax, from the sums over its negatives: where the directions meet."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bscl_jax.losses._comparison import BothSums, Comparison, Embeddings, Implementation, Options
from bscl_jax.losses._log_sum_exp import Sums, merge
from bscl_jax.losses._negatives import Marks, turned

DIRECTIONS = ("both", "queries", "targets")
PARTITIONS = ("separate", "joint")
SAME_SIDES = ("none", "queries", "targets", "both")
HARDNESS_MODES = ("batch", "extra", "all")


class Batch(NamedTuple):
    """What is compared: this device's texts, and which of them are no negatives of each other."""

    queries: Embeddings
    targets: Embeddings
    extras: Embeddings | None
    marks: Marks  # of pairs whose texts are equal, or belong together
    row_marks: Marks  # of pairs that are no negatives in the sums of rows
    column_marks: Marks | None  # the same in those of columns; None = those of rows
    extra_marks: Marks
    temperature: Float[Array, ""]


class Softmax(NamedTuple):
    """Which candidates a positive has to beat, in which sums; see ``batch_softmax``."""

    direction: str
    partition: str
    same_side: str
    hardness_strength: float | int
    hardness_mode: str


def softmax_terms(
    batch: Batch, softmax: Softmax, sums_of: Implementation, options: Options
) -> Float[Array, " b"]:
    """Returns each pair's term, the row's part of the loss before labels and means.

    With s_ii the pair's own logit, the term of one direction is log(1 + Σ_j exp(s_ij − s_ii)) over
    the negatives j, that is softplus(log Σ_j exp(s_ij) − s_ii). The positive stands outside the
    sum: where it stands inside, a small term is the difference of two large numbers.
    """
    positive = jnp.sum(batch.queries.vectors * batch.targets.vectors, 1) / batch.temperature
    of_rows, of_columns = _negatives(batch, softmax, sums_of, options)
    if softmax.partition == "joint":
        # Each direction that is asked for brings the positive into the one denominator.
        positives = 2 if softmax.direction == "both" else 1
        return _term(positive, [*of_rows, *of_columns], positives)
    terms = [_term(positive, sums) for sums in (of_rows, of_columns) if sums]
    return terms[0] if len(terms) == 1 else (terms[0] + terms[1]) / 2


def _negatives(
    batch: Batch, softmax: Softmax, sums_of: Implementation, options: Options
) -> tuple[list[Sums], list[Sums]]:
    """Returns what the rows, and what the columns, have in their sums besides the positive."""
    queries, targets, extras = batch.queries, batch.targets, batch.extras

    def compare(
        rows: Embeddings,
        columns: Embeddings,
        marks: Marks,
        mode: str,
        direction: str = "queries",
        column_marks: Marks | None = None,
    ) -> BothSums:
        rows = rows._replace(vectors=rows.vectors / batch.temperature)
        boost = _boost(mode, batch.temperature, softmax)
        comparison = Comparison(rows, columns, marks, column_marks, batch.temperature, boost)
        return sums_of(comparison, options._replace(direction=direction))

    pairs = compare(
        queries, targets, batch.row_marks, "batch", softmax.direction, batch.column_marks
    )
    of_rows, of_columns = [pairs.rows], [pairs.columns]
    if extras is not None and softmax.direction != "targets":
        of_rows.append(compare(queries, extras, batch.extra_marks, "extra").rows)
    if softmax.same_side in ("queries", "both"):
        of_rows.append(compare(queries, queries, batch.marks, "same").rows)
    if softmax.same_side in ("targets", "both"):
        of_columns.append(compare(targets, targets, turned(batch.marks), "same").rows)
    return [x for x in of_rows if x is not None], [x for x in of_columns if x is not None]


def _boost(mode: str, temperature: Float[Array, ""], softmax: Softmax) -> Float[Array, ""] | None:
    """What α adds to a logit, in logits: α times the similarity, which is τ times the logit."""
    modes = ("batch", "extra") if softmax.hardness_mode == "all" else (softmax.hardness_mode,)
    if softmax.hardness_strength == 0 or mode not in modes:
        return None
    return lax.stop_gradient(temperature) * softmax.hardness_strength


def _term(
    positive: Float[Array, " b"], sums: Sequence[Sums], positives: int = 1
) -> Float[Array, " b"]:
    together = merge(Sums(*map(jnp.stack, zip(*sums, strict=True))))
    several = math.log(positives)
    return jax.nn.softplus(together.log_over(positive) - several) + several
