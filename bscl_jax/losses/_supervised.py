"""Supervised contrastive loss: texts with one label are to find each other."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._checks import check_classes, check_per_pair, check_rows, check_temperature
from bscl_jax.losses._dot import dot
from bscl_jax.losses._gather import gather, positions
from bscl_jax.losses._log_sum_exp import log_sum_exp
from bscl_jax.losses._normalize import unit_rows
from bscl_jax.losses._widen import common_type


def supervised(
    embeddings: Float[ArrayLike, "b d"],
    labels: Integer[ArrayLike, " b"],
    *,
    text_ids: Integer[ArrayLike, " b"] | None = None,
    weights: Real[ArrayLike, " b"] | None = None,
    temperature: float | int | Float[ArrayLike, ""] = 0.1,
    axis_name: Hashable | None = None,
) -> Float[Array, ""]:
    """Supervised contrastive loss (SupCon): each row is to find all rows that have its label.

    With s_ij = cos(z_i, z_j) / τ, P_i the other rows with the label of row i and A_i all others,
    but those of the same text with another label,

        loss = −1/b Σ_i w_i 1/|P_i| Σ_{p ∈ P_i} log( exp(s_ip) / Σ_{a ∈ A_i} exp(s_ia) )

    (L_out, eq. 2 of the paper). A row without positives contributes 0.

    Args:
        embeddings: one text a row, normalized or not. Any floating type; the arithmetic is float32
            or wider. Pairs are two rows with one label.
        labels: class labels or content ids; only whether they are equal counts.
        text_ids: content ids of the texts: a text that comes again with another label is no
            negative of itself. None = the labels alone tell.
        weights: w; 0 = the row only fills up the batch: its own term is left out, and it stays a
            candidate of the others. None = all 1. The mean divides by b, the number of rows,
            whatever the weights and however many rows have no positive.
        temperature: τ > 0, dimensionless; a number, or a scalar array that may be traced.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap`` (or a tuple of them):
            the others are those of all its devices.

    Returns:
        The loss, a scalar ≥ 0; with |P| positives a row's term is at least log |P|. With
        ``axis_name`` it is this device's mean, and ``pmean`` of it is the loss of the whole batch;
        what to reduce where is as in ``batch_softmax``.

    Raises:
        ValueError: shapes that do not fit, an empty batch, or a temperature that is not positive.
        TypeError: embeddings that are not floating point, labels or ids that are not integers.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> embeddings = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
        >>> labels = jnp.array([7, 8, 7])
        >>> print(f"{losses.supervised(embeddings, labels, temperature=0.5):.4f}")
        0.0846

    The positives are factored out of the sum, so that a small loss keeps float32's digits. The
    cosine with a zero row is 0, with a zero gradient.

    Differs: the paper's code multiplies by τ over a base temperature, and divides by zero where a
    row has no positive.

    References:
        Khosla et al., "Supervised contrastive learning", NeurIPS 2020,
        https://arxiv.org/abs/2004.11362, eq. 2.
    """
    check_rows("embeddings", embeddings)
    b = jnp.shape(embeddings)[0]
    check_per_pair(b, labels=labels, text_ids=text_ids, weights=weights)
    check_classes(labels, text_ids)
    check_temperature(temperature)

    dtype = common_type(embeddings)
    rows = unit_rows(jnp.asarray(embeddings, dtype))
    everyone = gather(rows, axis_name)
    similarity = dot(rows / jnp.asarray(temperature, dtype), everyone.T)
    same = _equal(labels, axis_name)
    alike = same if text_ids is None else same | _equal(text_ids, axis_name)
    own = positions(b, axis_name)[:, jnp.newaxis] == positions(len(everyone), None)[jnp.newaxis]
    terms = _terms(similarity, positive=same & ~own, negative=~alike)
    return jnp.mean(terms if weights is None else terms * jnp.asarray(weights, dtype))


def _equal(ids: Integer[ArrayLike, " b"], axis_name: Hashable | None) -> Bool[Array, "b w"]:
    """Returns where the ids of this device's rows are those of all rows."""
    own = jnp.asarray(ids)
    return own[:, jnp.newaxis] == gather(own, axis_name)[jnp.newaxis]


def _terms(
    similarity: Float[Array, "b w"], *, positive: Bool[Array, "b w"], negative: Bool[Array, "b w"]
) -> Float[Array, " b"]:
    """Returns each row's log Σ_a exp(s_a − m), m being the mean of its positives' similarities.

    That is P + softplus(N − P), with P and N the same sum over positives and over negatives. Where
    a single positive has won, value and slope are small and nothing larger may cancel in them;
    with several, the term is log |P| or more, beside which rounding is small.
    """
    count = jnp.sum(positive, axis=1, dtype=similarity.dtype)
    mean = jnp.sum(jnp.where(positive, similarity, 0), axis=1) / jnp.maximum(count, 1)
    behind = similarity - mean[:, jnp.newaxis]
    of_positives = log_sum_exp(jnp.where(positive, behind, -jnp.inf), axis=1)
    of_negatives = log_sum_exp(jnp.where(negative, behind, -jnp.inf), axis=1)
    # Of one positive P is the constant 0; its derivative would come out as 1 − 1, with rounding.
    of_positives = jnp.where(count > 1, of_positives, 0)
    terms = of_positives + jax.nn.softplus(of_negatives - of_positives)
    return jnp.where(count > 0, terms, 0)
