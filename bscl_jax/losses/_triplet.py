"""The triplet margin loss, of given negatives or of the hardest in the batch."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._checks import (
    check_choice,
    check_ids,
    check_labelled,
    check_mined,
    check_pairs,
    check_per_pair,
)
from bscl_jax.losses._cosines import cosines
from bscl_jax.losses._mining import MINING, mine
from bscl_jax.losses._normalize import unit_rows
from bscl_jax.losses._widen import common_type


def triplet(
    anchors: Float[ArrayLike, "b d"],
    positives: Float[ArrayLike, "b d"],
    negatives: Float[ArrayLike, "b d"] | None = None,
    *,
    margin: float | int = 0.5,
    distance: str = "euclidean",
    mining: str = "hard",
    weights: Real[ArrayLike, " b"] | None = None,
    query_ids: Integer[ArrayLike, " b *query_words"] | None = None,
    target_ids: Integer[ArrayLike, " b *target_words"] | None = None,
    positive_ids: Integer[ArrayLike, "b p *target_words"] | None = None,
    labelled_negatives: Bool[ArrayLike, " b"] | None = None,
    axis_name: Hashable | None = None,
) -> Float[Array, ""]:
    """Mean shortfall of the negative's distance behind the positive's distance and a margin.

        loss = 1/b Σ_i w_i max(0, dist(a_i, p_i) − dist(a_i, n_i) + margin)

    where n_i is given, or else a positive of another row, the nearest to a_i.

    Args:
        anchors: embeddings of the queries. Any floating type; the arithmetic is float32 or wider.
        positives: embeddings that belong to them, row by row.
        negatives: embeddings that do not, row by row. None = each anchor's is searched among the
            positives of the other rows, as ``mining`` says.
        margin: by how much the negative is to be farther away, in units of the distance. The paper
            has 0.5, and 0.6 for PFCC-S.
        distance: ``"euclidean"``, of the embeddings as given, or ``"cosine"``, 1 − cos, in [0, 2].
        mining: ``"hard"``, the nearest; or ``"semi-hard"``, the nearest of those farther away than
            the positive, and where there are none of those, the farthest. Of equally far ones it is
            the first in the batch, to which the gradient goes.
        weights: w; 1 = the triplet counts, 0 = it only fills up the batch: its positive stays a
            negative of the others. None = all 1. The mean divides by b whatever the weights.
        query_ids: content ids of the anchors as in ``batch_softmax``: rows that share one are not
            each other's negatives. A row without any negative contributes 0.
        target_ids: the same for the positives.
        positive_ids: content ids of p further texts that are known to belong to the anchor, as in
            ``batch_softmax``: a positive with one of them is no negative of that anchor.
        labelled_negatives: True where the pair is known to be none, as in ``batch_softmax``: its
            second text is a negative of the other rows with the same query. Give the row itself
            weight 0. None = rows that share a query are never each other's negatives.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap`` (or a tuple of them):
            negatives are searched among all its devices. With negatives given no triplet sees
            another, and it changes nothing.

    Returns:
        The loss, a scalar. On many devices it is this device's mean, and ``pmean`` of it is the
        loss of the whole batch; what to reduce where is as in ``batch_softmax``.

    Raises:
        ValueError: shapes that do not fit, an empty batch, an unknown distance or mining, or ids
            or labels beside given negatives.
        TypeError: embeddings that are not floating point, ids that are not integers, labelled
            negatives that are not bool.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> anchors = jnp.array([[0.0, 0.0], [0.0, 6.0]])
        >>> positives, negatives = jnp.array([[3.0, 4.0], [0.0, 6.0]]), jnp.array([[0.0, 5.25]] * 2)
        >>> print(f"{losses.triplet(anchors, positives, negatives):.4f}")
        0.1250
        >>> print(f"{losses.triplet(anchors, positives, margin=2):.4f}")
        0.5000

    Equal embeddings have distance 0 with a zero gradient. Negatives are chosen by inner products in
    the arithmetic's type, so that of two whose distances differ by less than its rounding either
    may be taken; the distance to the one that was is computed anew.

    References:
        Schroff et al., "FaceNet", CVPR 2015, https://arxiv.org/abs/1503.03832, eqs. 3 and 4 (there
        with squared distances). Hermans et al., "In defense of the triplet loss", 2017,
        https://arxiv.org/abs/1703.07737, for the hardest in the batch.

    Differs: Hermans et al. search the hardest positive too, and search among all texts; here each
    anchor has one positive, and the candidates are positives.
    """
    given = {} if negatives is None else {"negatives": negatives}
    check_pairs(anchors=anchors, positives=positives, **given)
    b = jnp.shape(anchors)[0]
    check_per_pair(b, weights=weights)
    check_labelled(b, labelled_negatives)
    check_choice("distance", distance, DISTANCES)
    check_choice("mining", mining, MINING)
    check_ids(b, None, query_ids, target_ids, None, positive_ids)
    check_mined(
        negatives,
        query_ids=query_ids,
        target_ids=target_ids,
        positive_ids=positive_ids,
        labelled_negatives=labelled_negatives,
    )

    dtype = common_type(anchors, positives, negatives)
    a, p = jnp.asarray(anchors, dtype), jnp.asarray(positives, dtype)
    counts = jnp.ones(b, dtype) if weights is None else jnp.asarray(weights, dtype)
    if negatives is None:
        known = (query_ids, target_ids, positive_ids, labelled_negatives)
        known = (None if x is None else jnp.asarray(x) for x in known)
        measured = unit_rows if distance == "cosine" else lambda x: x
        n, found = mine(a, p, *known, measured=measured, mining=mining, axis_name=axis_name)
        counts = jnp.where(found, counts, 0)
    else:
        n = jnp.asarray(negatives, dtype)
    far = DISTANCES[distance]
    return jnp.mean(counts * jax.nn.relu(far(a, p) - far(a, n) + margin))


def _euclidean(x: Float[Array, "b d"], y: Float[Array, "b d"]) -> Float[Array, " b"]:
    # |v| = v · v/|v|, whose derivative is v/|v|, and 0 where v is 0: a square root has none there.
    return jnp.sum((x - y) * unit_rows(x - y), axis=1)


def _cosine(x: Float[Array, "b d"], y: Float[Array, "b d"]) -> Float[Array, " b"]:
    return 1 - cosines(x, y)


DISTANCES = {"euclidean": _euclidean, "cosine": _cosine}
