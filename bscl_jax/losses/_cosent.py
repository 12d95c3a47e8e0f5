"""CoSENT: pairs with a higher score are to have a higher cosine."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from bscl_jax.losses._checks import check_pairs, check_per_pair, check_temperature
from bscl_jax.losses._cosines import cosines
from bscl_jax.losses._gather import gather
from bscl_jax.losses._log_sum_exp import log_sum_exp


def cosent(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    scores: Real[ArrayLike, " b"],
    *,
    weights: Real[ArrayLike, " b"] | None = None,
    temperature: float | int | Float[ArrayLike, ""] = 0.05,
    axis_name: Hashable | None = None,
) -> Float[Array, ""]:
    """Ranking loss over all couples of pairs whose scores differ.

        loss = log(1 + Σ_{i, j: y_i > y_j} exp((c_j − c_i) / τ)),  c_i = cos(q_i, t_i)

    Args:
        queries: first texts' embeddings, normalized or not. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        scores: y, the grades, on any scale: only their order counts.
        weights: pairs of weight 0 only fill up the batch and are compared with none; other weights
            are as good as 1. None = all count.
        temperature: τ > 0, dimensionless; a number, or a scalar array that may be traced.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap``: the pairs of all its
            devices are compared.

    Returns:
        The loss, a scalar ≥ 0, not divided by the number of couples; with ``axis_name`` every
        device has that of the whole batch. What to reduce where is as in ``batch_softmax``.

    Raises:
        ValueError: shapes that do not fit, an empty batch, or a temperature that is not positive.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [1.0, 0.0]])
        >>> targets = jnp.array([[1.0, 0.0], [3.0, 4.0]])
        >>> print(f"{losses.cosent(queries, targets, jnp.array([1.0, 5.0])):.4f}")
        8.0003

    References:
        Su, "CoSENT: a more efficient sentence vector scheme than Sentence-BERT", 2022,
        https://kexue.fm/archives/8847.
    """
    check_pairs(queries=queries, targets=targets)
    check_per_pair(jnp.shape(queries)[0], scores=scores, weights=weights)
    check_temperature(temperature)
    found = cosines(queries, targets)
    scaled = found / jnp.asarray(temperature, found.dtype)
    grades = jnp.asarray(scores, found.dtype)
    ordered = grades[:, jnp.newaxis] > gather(grades, axis_name)[jnp.newaxis]
    if weights is not None:
        counts = jnp.asarray(weights, found.dtype) != 0
        ordered &= counts[:, jnp.newaxis] & gather(counts, axis_name)[jnp.newaxis]
    exponents = gather(scaled, axis_name)[jnp.newaxis] - scaled[:, jnp.newaxis]
    # This device's rows are a part of the sum; the parts of all devices are summed by each.
    part = log_sum_exp(jnp.where(ordered, exponents, -jnp.inf).reshape(1, -1), axis=1)
    return jax.nn.softplus(log_sum_exp(gather(part, axis_name)[jnp.newaxis], axis=1)[0])
