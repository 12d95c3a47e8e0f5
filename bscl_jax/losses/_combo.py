"""Batch-softmax and the cosine's squared error on one batch."""

from collections.abc import Hashable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._batch_softmax import batch_softmax
from bscl_jax.losses._checks import (
    check_choice,
    check_pairs,
    check_per_pair,
    check_share,
)
from bscl_jax.losses._cosine_mse import squared_errors

AT_THRESHOLD = ("positive", "negative")


def combo(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    scores: Real[ArrayLike, " b"],
    *,
    mu: float | int = 0.1,
    threshold: float | int = 0.5,
    at_threshold: str = "positive",
    weights: Real[ArrayLike, " b"] | None = None,
    extra_targets: Float[ArrayLike, "e d"] | None = None,
    query_ids: Integer[ArrayLike, " b *query_words"] | None = None,
    target_ids: Integer[ArrayLike, " b *target_words"] | None = None,
    extra_ids: Integer[ArrayLike, " e *target_words"] | None = None,
    positive_ids: Integer[ArrayLike, "b p *target_words"] | None = None,
    labelled_negatives: Bool[ArrayLike, " b"] | None = None,
    temperature: float | int | Float[ArrayLike, ""] = 0.1,
    normalize: str = "l2",
    direction: str = "both",
    reduction: str = "batch",
    partition: str = "separate",
    same_side: str = "none",
    hardness_strength: float | int = 0.0,
    hardness_mode: str = "all",
    implementation: str = "dense",
    tile_size: int = 1024,
    precision: str = "highest",
    axis_name: Hashable | None = None,
) -> Float[Array, ""] | Float[Array, " b"]:
    """Batch-softmax contrastive loss on the good pairs, plus the squared error of all cosines.

        loss = μ batch_softmax(q, t; labels = w · 1[y ≥ threshold]) + (1 − μ) cosine_mse(q, t, y; w)

    (eq. 6 of the paper).

    Args:
        queries: first texts' embeddings, one row a pair. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        scores: y, the grade of each pair, in [0, 1].
        mu: μ, the share of the contrastive part, in [0, 1].
        threshold: the score from which on a pair is a positive of the contrastive part.
        at_threshold: what a score equal to the threshold is, ``"positive"`` (y ≥ threshold) or
            ``"negative"`` (y > threshold).
        weights: w; 1 = the pair counts, 0 = it only fills up the batch: both its terms are left
            out, its texts stay candidates, and means divide by b still. None = all 1.
        extra_targets: as in ``batch_softmax``, and so are the keywords that follow. The cosines are
            those of the embeddings as given, whatever ``normalize`` says.
        query_ids: see ``batch_softmax``.
        target_ids: see ``batch_softmax``.
        extra_ids: see ``batch_softmax``.
        positive_ids: see ``batch_softmax``.
        labelled_negatives: see ``batch_softmax``.
        temperature: see ``batch_softmax``.
        normalize: see ``batch_softmax``.
        direction: see ``batch_softmax``.
        reduction: ``"batch"``; ``"positives"``, which divides the contrastive part by the number of
            positives and the squared errors by b; or ``"none"``, both parts of each pair.
        partition: see ``batch_softmax``.
        same_side: see ``batch_softmax``.
        hardness_strength: see ``batch_softmax``.
        hardness_mode: see ``batch_softmax``.
        implementation: see ``batch_softmax``.
        tile_size: see ``batch_softmax``.
        precision: see ``batch_softmax``.
        axis_name: see ``batch_softmax``, with its table of what to reduce where.

    Returns:
        The loss, a scalar; with ``reduction="none"`` the terms, shape (b,). With ``axis_name`` it
        is this device's mean, and ``pmean`` of it is the loss of the whole batch.

    Raises:
        ValueError: a ``mu`` outside [0, 1], an unknown ``at_threshold``, or what ``batch_softmax``
            refuses.
        TypeError: embeddings that are not floating point, ids that are not integers.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> targets = jnp.array([[1.0, 0.1], [0.2, 1.0]])
        >>> print(f"{losses.combo(queries, targets, jnp.array([1.0, 0.4]), mu=0.5):.4f}")
        0.0843

    Differs: the paper takes y > threshold as positive, its code y ≥ 0.5 whatever the threshold;
    the default here is ≥ with the threshold given, and ``at_threshold="negative"`` is the paper's.

    References:
        Chernyavskiy et al., NAACL 2022, https://arxiv.org/abs/2110.15725, eq. 6.
    """
    check_pairs(queries=queries, targets=targets)
    check_per_pair(jnp.shape(queries)[0], scores=scores, weights=weights)
    check_share("mu", mu)
    check_choice("at_threshold", at_threshold, AT_THRESHOLD)

    errors = squared_errors(queries, targets, scores, weights)
    # In a wider type a score such as 0.6 would no longer be what the threshold of 0.6 is.
    scores = jnp.asarray(scores)
    scores = scores if jnp.issubdtype(scores.dtype, jnp.floating) else scores.astype(errors.dtype)
    least = jnp.asarray(threshold, scores.dtype)
    good = scores >= least if at_threshold == "positive" else scores > least
    labels = good.astype(errors.dtype)
    contrastive = batch_softmax(
        queries,
        targets,
        labels=labels if weights is None else labels * jnp.asarray(weights, errors.dtype),
        extra_targets=extra_targets,
        query_ids=query_ids,
        target_ids=target_ids,
        extra_ids=extra_ids,
        positive_ids=positive_ids,
        labelled_negatives=labelled_negatives,
        temperature=temperature,
        normalize=normalize,
        direction=direction,
        reduction=reduction,
        partition=partition,
        same_side=same_side,
        hardness_strength=hardness_strength,
        hardness_mode=hardness_mode,
        implementation=implementation,
        tile_size=tile_size,
        precision=precision,
        axis_name=axis_name,
    )
    return mu * contrastive + (1 - mu) * (errors if reduction == "none" else jnp.mean(errors))
