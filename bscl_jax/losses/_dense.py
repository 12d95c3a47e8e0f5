"""The terms of the rows from the whole similarity matrix: one matrix serves both directions."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bscl_jax.losses._gather import exchange, gather
from bscl_jax.losses._ids import Ids, excluded_extras, excluded_pairs
from bscl_jax.losses._log_sum_exp import log_sum_exp


def dense_terms(
    queries: Float[Array, "b d"],
    targets: Float[Array, "b d"],
    extra_targets: Float[Array, "e d"] | None,
    ids: Ids,
    *,
    direction: str,
    axis_name: Hashable | None,
) -> Float[Array, " b"]:
    """Returns each pair's -log softmax, from embeddings that are normalized and scaled by 1/τ.

    With s_ij = q_i·t_j the row's term is log(1 + Σ_j exp(s_ij − s_ii)) over the row's negatives j,
    that is softplus(log Σ_j exp(s_ij) − s_ii). The positive stands outside the sum: where it
    stands inside, a small term is the difference of two large numbers.
    """
    similarity = _dot(queries, gather(targets, axis_name))
    excluded = excluded_pairs(similarity.shape, ids, axis_name)
    similarity = jnp.where(excluded, -jnp.inf, similarity)
    positive = jnp.sum(queries * targets, axis=1)

    def of_rows() -> Float[Array, " b"]:
        negatives = log_sum_exp(similarity, axis=1)
        if extra_targets is not None:
            extra = _extra_similarity(queries, extra_targets, ids, axis_name)
            both = jnp.stack([negatives, log_sum_exp(extra, axis=1)])
            negatives = log_sum_exp(both, axis=0)
        return jax.nn.softplus(negatives - positive)

    def of_columns() -> Float[Array, " b"]:
        # This device's rows are a part of every column; the parts meet at the column's owner.
        parts = exchange(log_sum_exp(similarity, axis=0), axis_name)
        return jax.nn.softplus(log_sum_exp(parts, axis=0) - positive)

    if direction == "queries":
        return of_rows()
    if direction == "targets":
        return of_columns()
    return (of_rows() + of_columns()) / 2


def _dot(rows: Float[Array, "b d"], columns: Float[Array, "c d"]) -> Float[Array, "b c"]:
    # HIGHEST: accelerators would otherwise round the factors to 10 bits or fewer.
    return jnp.matmul(rows, columns.T, precision=lax.Precision.HIGHEST)


def _extra_similarity(
    queries: Float[Array, "b d"],
    extra_targets: Float[Array, "e d"],
    ids: Ids,
    axis_name: Hashable | None,
) -> Float[Array, "b w"]:
    similarity = _dot(queries, gather(extra_targets, axis_name))
    excluded = excluded_extras(ids, axis_name)
    return similarity if excluded is None else jnp.where(excluded, -jnp.inf, similarity)
