"""The triplet margin loss."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from bscl_jax.losses._checks import check_choice, check_pairs, check_per_pair
from bscl_jax.losses._cosines import cosines
from bscl_jax.losses._normalize import unit_rows
from bscl_jax.losses._widen import common_type


def triplet(
    anchors: Float[ArrayLike, "b d"],
    positives: Float[ArrayLike, "b d"],
    negatives: Float[ArrayLike, "b d"],
    *,
    margin: float | int = 0.5,
    distance: str = "euclidean",
    weights: Real[ArrayLike, " b"] | None = None,
) -> Float[Array, ""]:
    """Mean shortfall of the negative's distance behind the positive's distance and a margin.

        loss = 1/b Σ_i w_i max(0, dist(a_i, p_i) − dist(a_i, n_i) + margin)

    Args:
        anchors: embeddings of the queries. Any floating type; the arithmetic is float32 or wider.
        positives: embeddings that belong to them, row by row.
        negatives: embeddings that do not, row by row.
        margin: by how much the negative is to be farther away, in units of the distance. The paper
            has 0.5, and 0.6 for PFCC-S.
        distance: ``"euclidean"``, of the embeddings as given, or ``"cosine"``, 1 − cos, in [0, 2].
        weights: w; 1 = the triplet counts, 0 = it only fills up the batch. None = all 1. The mean
            divides by b whatever the weights.

    Returns:
        The loss, a scalar. No triplet sees another, so on many devices the mean over the devices'
        losses is the loss of the whole batch and needs no axis name.

    Raises:
        ValueError: shapes that do not fit, an empty batch, or an unknown distance.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> anchors = jnp.array([[0.0, 0.0]])
        >>> positives, negatives = jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 5.25]])
        >>> print(f"{losses.triplet(anchors, positives, negatives):.4f}")
        0.2500

    Equal embeddings have distance 0 with a zero gradient.

    References:
        Schroff et al., "FaceNet", CVPR 2015, https://arxiv.org/abs/1503.03832, eq. 3 (there with
        squared distances).
    """
    check_pairs(anchors=anchors, positives=positives, negatives=negatives)
    check_per_pair(jnp.shape(anchors)[0], weights=weights)
    check_choice("distance", distance, DISTANCES)
    dtype = common_type(anchors, positives, negatives)
    a, p, n = (jnp.asarray(x, dtype) for x in (anchors, positives, negatives))
    far = DISTANCES[distance]
    shortfall = jax.nn.relu(far(a, p) - far(a, n) + margin)
    return jnp.mean(shortfall if weights is None else shortfall * jnp.asarray(weights, dtype))


def _euclidean(x: Float[Array, "b d"], y: Float[Array, "b d"]) -> Float[Array, " b"]:
    # |v| = v · v/|v|, whose derivative is v/|v|, and 0 where v is 0: a square root has none there.
    return jnp.sum((x - y) * unit_rows(x - y), axis=1)


def _cosine(x: Float[Array, "b d"], y: Float[Array, "b d"]) -> Float[Array, " b"]:
    return 1 - cosines(x, y)


DISTANCES = {"euclidean": _euclidean, "cosine": _cosine}
