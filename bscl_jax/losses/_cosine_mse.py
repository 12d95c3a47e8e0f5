"""Mean squared error of the cosine."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from bscl_jax.losses._checks import check_pairs, check_per_pair
from bscl_jax.losses._cosines import cosines


def cosine_mse(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    scores: Real[ArrayLike, " b"],
    *,
    weights: Real[ArrayLike, " b"] | None = None,
) -> Float[Array, ""]:
    """Mean squared difference between the pairs' cosines and their scores.

        loss = 1/b Σ_i w_i (cos(q_i, t_i) − y_i)²

    (the second part of eq. 6 of the paper).

    Args:
        queries: first texts' embeddings, normalized or not. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        scores: y, the cosine that each pair should have, in [-1, 1] (the paper: in [0, 1]).
        weights: w; 1 = the pair counts, 0 = it only fills up the batch. None = all 1. The mean
            divides by b whatever the weights.

    Returns:
        The loss, a scalar. No pair sees another, so on many devices the mean over the devices'
        losses is the loss of the whole batch and needs no axis name.

    Raises:
        ValueError: shapes that do not fit, or an empty batch.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [3.0, 4.0]])
        >>> targets = jnp.array([[2.0, 0.0], [0.0, 1.0]])
        >>> print(f"{losses.cosine_mse(queries, targets, jnp.array([1.0, 0.5])):.4f}")
        0.0450

    The cosine with a zero row is 0, with a zero gradient.

    References:
        Chernyavskiy et al., NAACL 2022, https://arxiv.org/abs/2110.15725, eq. 6.
    """
    check_pairs(queries=queries, targets=targets)
    check_per_pair(jnp.shape(queries)[0], scores=scores, weights=weights)
    return jnp.mean(squared_errors(queries, targets, scores, weights))


def squared_errors(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    scores: Real[ArrayLike, " b"],
    weights: Real[ArrayLike, " b"] | None,
) -> Float[Array, " b"]:
    """Returns each pair's weighted (cosine − score)², of arguments that have been checked."""
    found = cosines(queries, targets)
    errors = jnp.square(found - jnp.asarray(scores, found.dtype))
    return errors if weights is None else errors * jnp.asarray(weights, found.dtype)
