"""One minus Pearson's correlation of cosines and scores."""

from collections.abc import Hashable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from bscl_jax.losses._checks import check_pairs, check_per_pair
from bscl_jax.losses._cosines import cosines
from bscl_jax.losses._gather import gather
from bscl_jax.losses._normalize import unit_rows

_ROUNDING = 16  # units in the last place, which cosines of equal texts stay well within


def pearson(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    scores: Real[ArrayLike, " b"],
    *,
    weights: Real[ArrayLike, " b"] | None = None,
    axis_name: Hashable | None = None,
) -> Float[Array, ""]:
    """One minus Pearson's correlation between the pairs' cosines and their scores.

        loss = 1 − r,  r = Σ_i w_i (c_i − c̄)(y_i − ȳ) / √(Σ_i w_i (c_i − c̄)² · Σ_i w_i (y_i − ȳ)²)

    with c_i = cos(q_i, t_i) and weighted means c̄ and ȳ (section 7 of the paper).

    Args:
        queries: first texts' embeddings, normalized or not. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        scores: y, the grades, on any scale.
        weights: w ≥ 0; 1 = the pair counts, 0 = it only fills up the batch. None = all 1.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap``: the correlation is
            that of the pairs of all its devices.

    Returns:
        The loss, a scalar in [0, 2]; with ``axis_name`` every device has that of the whole batch.
        What to reduce where is as in ``batch_softmax``.

    Raises:
        ValueError: shapes that do not fit, or an empty batch.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
        >>> targets = jnp.array([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
        >>> print(f"{losses.pearson(queries, targets, jnp.array([5.0, 3.0, 1.0])):.4f}")
        0.0066

    Equal scores, equal cosines and a single pair have no correlation: r = 0, with a zero gradient.
    Equal are those that differ by less than rounding, 2e-6 of the largest in float32.

    References:
        Chernyavskiy et al., NAACL 2022, https://arxiv.org/abs/2110.15725, section 7.
    """
    check_pairs(queries=queries, targets=targets)
    check_per_pair(jnp.shape(queries)[0], scores=scores, weights=weights)
    found = cosines(queries, targets)
    w = jnp.ones_like(found) if weights is None else jnp.asarray(weights, found.dtype)
    w = gather(w, axis_name)
    sides = [gather(x, axis_name) for x in (found, jnp.asarray(scores, found.dtype))]
    u, v = (_centered_unit(x, w) for x in sides)
    # 1 − u·v = |u − v|² / 2 for unit vectors, which keeps its digits where r is near 1.
    both_vary = jnp.any(u != 0) & jnp.any(v != 0)
    return jnp.where(both_vary, jnp.sum(jnp.square(u - v)) / 2, 1)


def _centered_unit(x: Float[Array, " w"], weights: Float[Array, " w"]) -> Float[Array, "1 w"]:
    total, roots = jnp.sum(weights), jnp.sqrt(weights)
    mean = jnp.sum(weights * x) / jnp.where(total > 0, total, 1)
    centered = roots * (x - mean)
    # Rounding errors of equal numbers would be made a direction of their own, with a huge slope.
    rounding = _ROUNDING * jnp.finfo(x.dtype).eps * jnp.max(jnp.abs(roots * x))
    equal = jnp.max(jnp.abs(centered)) <= rounding
    return unit_rows(jnp.where(equal, 0, centered)[jnp.newaxis])
