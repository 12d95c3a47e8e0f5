"""The sigmoid loss of SigLIP: every couple of a query and a target judged by itself."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._checks import (
    check_bias,
    check_ids,
    check_pairs,
    check_per_pair,
    check_temperature,
)
from bscl_jax.losses._couples import Couples, sums_over_negatives
from bscl_jax.losses._gather import positions
from bscl_jax.losses._negatives import marks_of_pairs
from bscl_jax.losses._normalize import unit_rows
from bscl_jax.losses._widen import common_type


def sigmoid(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    *,
    labels: Real[ArrayLike, " b"] | Bool[ArrayLike, " b"] | None = None,
    weights: Real[ArrayLike, " b"] | None = None,
    query_ids: Integer[ArrayLike, " b *query_words"] | None = None,
    target_ids: Integer[ArrayLike, " b *target_words"] | None = None,
    positive_ids: Integer[ArrayLike, "b p *target_words"] | None = None,
    temperature: float | int | Float[ArrayLike, ""] = 0.1,
    bias: float | int | Float[ArrayLike, ""] = -10.0,
    axis_name: Hashable | None = None,
) -> Float[Array, ""]:
    """Sigmoid loss: is this the query's target, yes or no, asked of all couples one by one.

    With x_ij = cos(q_i, t_j) / τ + β and N_i the negatives of row i,

        loss = 1/b Σ_i w_i ( y_i softplus(−x_ii) + (1 − y_i) softplus(x_ii)
                             + Σ_{j ∈ N_i} softplus(x_ij) )

    which for y = w = 1 is the paper's −1/b Σ_ij log σ(z_ij x_ij), z_ii = 1 and z_ij = −1.

    Args:
        queries: first texts' embeddings, normalized or not. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        labels: y, in [0, 1]; 1 = a positive pair, 0 = a labelled negative, which counts as one
            more negative. None = all 1.
        weights: w; 0 = the pair only fills up the batch: the terms of its query are left out, its
            target stays a negative of the others. None = all 1. The mean divides by b whatever the
            weights.
        query_ids: content ids as in ``batch_softmax``: rows that share a query are not each
            other's negatives.
        target_ids: the same for the targets.
        positive_ids: content ids of p further texts that are known to belong to the row's query, as
            in ``batch_softmax``: a target with one of them is no negative of that query.
        temperature: τ > 0, dimensionless; a number, or a scalar array that may be traced and
            differentiated (the paper trains its logarithm).
        bias: β, in logits; the same. It starts far below 0, since all but one couple in b are
            negatives.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap`` (or a tuple of them):
            the negatives are those of all its devices. The targets go round the devices in a ring,
            and each compares its own queries with one device's targets at a time, forward and
            backward. No device ever holds more targets than its own and those, or more couples.

    Returns:
        The loss, a scalar. With ``axis_name`` it is this device's mean, and ``pmean`` of it is the
        loss of the whole batch; what to reduce where is as in ``batch_softmax``.

    Raises:
        ValueError: shapes that do not fit, an empty batch, a temperature that is not positive, or
            a bias that is not finite.
        TypeError: embeddings that are not floating point, ids that are not integers; forward-mode
            differentiation with ``axis_name`` (without one it works).

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> print(f"{losses.sigmoid(queries, queries, temperature=0.1, bias=-5.0):.4f}")
        0.0134

    The cosine with a zero row is 0, with a zero gradient. Outside ``vmap(axis_name=…)`` there is no
    gradient, jax calls the axis unbound: take it inside, or map by ``pmap`` or ``shard_map``.

    Differs: the paper has one positive in every row, and no ids.

    References:
        Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023,
        https://arxiv.org/abs/2303.15343, section 3.2; the ring is that of section 3.3.
    """
    check_pairs(queries=queries, targets=targets)
    b = jnp.shape(queries)[0]
    check_per_pair(b, labels=labels, weights=weights)
    check_ids(b, None, query_ids, target_ids, None, positive_ids)
    check_temperature(temperature)
    check_bias(bias)

    dtype = common_type(queries, targets)
    rows = unit_rows(jnp.asarray(queries, dtype)) / jnp.asarray(temperature, dtype)
    columns = unit_rows(jnp.asarray(targets, dtype))
    bias = jnp.asarray(bias, dtype)
    ids = (None if x is None else jnp.asarray(x) for x in (query_ids, target_ids, positive_ids))
    marks = marks_of_pairs(positions(b, axis_name), *ids)

    own = jnp.sum(rows * columns, axis=1) + bias
    y = jnp.ones(b, dtype) if labels is None else jnp.asarray(labels, dtype)
    terms = y * jax.nn.softplus(-own) + (1 - y) * jax.nn.softplus(own)
    terms += sums_over_negatives(Couples(rows, columns, bias), marks, axis_name)
    return jnp.mean(terms if weights is None else terms * jnp.asarray(weights, dtype))
