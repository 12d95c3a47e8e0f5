"""The batch-softmax contrastive loss."""

import functools
from collections.abc import Hashable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._checks import (
    check_choice,
    check_extra,
    check_ids,
    check_pairs,
    check_per_pair,
    check_temperature,
    check_tile_size,
)
from bscl_jax.losses._dense import dense_terms
from bscl_jax.losses._ids import Ids
from bscl_jax.losses._normalize import NORMALIZERS
from bscl_jax.losses._normalize import normalize as normalize_rows
from bscl_jax.losses._reduce import REDUCTIONS, reduce
from bscl_jax.losses._widen import common_type

DIRECTIONS = ("both", "queries", "targets")
IMPLEMENTATIONS = {"dense": dense_terms}


def batch_softmax(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    *,
    labels: Real[ArrayLike, " b"] | Bool[ArrayLike, " b"] | None = None,
    extra_targets: Float[ArrayLike, "e d"] | None = None,
    query_ids: Integer[ArrayLike, " b *query_words"] | None = None,
    target_ids: Integer[ArrayLike, " b *target_words"] | None = None,
    extra_ids: Integer[ArrayLike, " e *target_words"] | None = None,
    temperature: float | int | Float[ArrayLike, ""] = 0.1,
    normalize: str = "l2",
    direction: str = "both",
    reduction: str = "batch",
    implementation: str = "dense",
    tile_size: int = 1024,
    axis_name: Hashable | None = None,
) -> Float[Array, ""] | Float[Array, " b"]:
    """Batch-softmax contrastive loss: every query is to find its target among the whole batch's.

    With s_ij = q_i·t_j / τ, of normalized embeddings, and N_i the negatives of row i,

        rows_i    = -log( exp(s_ii) / (exp(s_ii) + Σ_{j ∈ N_i} exp(s_ij)) )
        columns_i = -log( exp(s_ii) / (exp(s_ii) + Σ_{j ∈ N_i} exp(s_ji)) )
        loss      = 1/b Σ_i y_i (rows_i + columns_i) / 2

    (eqs. 1, 2 and 5 of the paper). N_i is every other row, less those that the ids exclude; the
    extra candidates join it in ``rows_i`` alone.

    Args:
        queries: first texts' embeddings, one row a pair. Any floating type; the arithmetic is
            float32 or wider.
        targets: second texts' embeddings; row i belongs to query i.
        labels: y, dimensionless. 1 = a positive pair; 0 = a labelled negative, whose own term is
            left out while both its texts stay candidates; a fraction weighs the row's own term.
            None = all 1.
        extra_targets: further candidates (hard negatives) of the rows. The columns have none: with
            ``direction="targets"`` they change nothing.
        query_ids: content ids, equal where texts are equal; a 32-bit integer, or the two halves of
            a 64-bit hash in a row (b, 2). Rows that share a query are not each other's negatives.
        target_ids: the same for the targets.
        extra_ids: the same for the extra candidates, compared with ``target_ids``: an extra
            candidate with the text of the row's own target is no negative of that row.
        temperature: τ > 0, dimensionless; divides the similarities. A number, or a scalar array
            that may be traced and differentiated; an array's value is not checked, so keep it
            positive by training its logarithm.
        normalize: ``"l2"`` rows of length 1 (cosine); ``"l2_columns"`` columns of length 1;
            ``"range"`` x / (max − min) of the column; ``"minmax"`` (x − min) / (max − min);
            ``"none"``. Columns are measured over the whole batch of all devices, queries and
            targets apart; extra candidates are scaled as the targets are. A zero row, a zero
            column under ``"l2_columns"`` and a constant column under ``"range"`` and ``"minmax"``
            (no entry, or a width, above 1e-12) become 0 with a zero gradient.
        direction: ``"both"`` is the mean of the two; ``"queries"`` is ``rows``; ``"targets"`` is
            ``columns``.
        reduction: ``"batch"`` divides the sum by b, whatever the labels; ``"positives"`` by the sum
            of the labels (0 where that is 0); ``"none"`` returns the weighted terms.
        implementation: ``"dense"`` builds the similarity matrix: 4 b² bytes and more in float32.
        tile_size: rows of the similarity matrix that are held at a time, for implementations that
            work in tiles. ``"dense"`` holds the whole matrix and does not use it.
        axis_name: the mapped axis inside ``pmap``, ``shard_map`` or ``vmap`` (or a tuple of them):
            candidates, ids and column statistics are those of all its devices. Leave it None under
            ``jit``, however the arrays are sharded on a mesh of Auto axes.

    Returns:
        The loss, a scalar; with ``reduction="none"`` the terms, shape (b,). With ``axis_name`` it
        is this device's mean (its own rows' terms), and ``pmean`` of it is the loss of the whole
        batch.

    Raises:
        ValueError: shapes that do not fit, an empty batch, a temperature that is not positive, ids
            without what they are compared with, or an unknown name.
        TypeError: embeddings that are not floating point, ids that are not integers.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> targets = jnp.array([[1.0, 0.1], [0.2, 1.0]])
        >>> print(f"{losses.batch_softmax(queries, targets, temperature=0.5):.4f}")
        0.1715
        >>> slope = jax.grad(losses.batch_softmax)(queries, targets)
        >>> slope.shape
        (2, 2)

    Where the gradient is taken decides what is reduced. For the gradient of the loss of the whole
    batch, D being the number of devices on the axis:

    ====================================  ================  ==============  =====================
    ``grad`` is taken                     of                parameters'     gradients of each
                                                            gradients       device's own rows
    ====================================  ================  ==============  =====================
    outside ``jit`` on a sharded batch    the loss          as they are     as they are
    outside ``shard_map``                 its ``pmean``     as they are     as they are
    inside ``shard_map`` (the default,    its ``pmean``     as they are     as they are
    ``check_vma=True``)
    inside ``shard_map`` with             the loss          ``pmean``       divide by D
    ``check_vma=False``
    inside ``pmap`` or ``vmap``           the loss          ``pmean``       divide by D
    ====================================  ================  ==============  =====================

    "Parameters" are whatever all devices hold alike, a trained temperature among them. A ``pmean``
    of gradients inside ``shard_map`` with ``check_vma=True`` gives D times too much unless it was
    the loss's ``pmean`` that was differentiated: the sum over devices is already in them.

    The positive is factored out of the sum (softplus), so that a small loss keeps float32's digits.
    Every term is finite for logits of ±1e4, one row, duplicates and labels that are all 0. A NaN in
    the embeddings gives NaN. Ties of a column's max or min share its gradient evenly.

    Differs: the paper adds the two directions, its code and we take their mean. Its code lets a
    constant column answer inf or nan, and normalizes each side by its own columns.

    References:
        Chernyavskiy et al., "Batch-Softmax Contrastive Loss for Pairwise Sentence Scoring Tasks",
        NAACL 2022, https://arxiv.org/abs/2110.15725, sections 3.1 and 3.3 to 3.5.
    """
    check_pairs(queries=queries, targets=targets)
    b, d = jnp.shape(queries)
    check_per_pair(b, labels=labels)
    check_extra(extra_targets, d)
    check_ids(b, extra_targets, query_ids, target_ids, extra_ids)
    check_temperature(temperature)
    check_choice("normalize", normalize, NORMALIZERS)
    check_choice("direction", direction, DIRECTIONS)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("implementation", implementation, IMPLEMENTATIONS)
    check_tile_size(tile_size)

    dtype = common_type(queries, targets, extra_targets)
    queries, targets = jnp.asarray(queries, dtype), jnp.asarray(targets, dtype)
    normalizer = functools.partial(normalize_rows, kind=normalize, axis_name=axis_name)
    if extra_targets is not None:
        extra_targets = normalizer(jnp.asarray(extra_targets, dtype), measured=targets)
    ids = (query_ids, target_ids, extra_ids)
    terms = IMPLEMENTATIONS[implementation](
        normalizer(queries) / jnp.asarray(temperature, dtype),
        normalizer(targets),
        extra_targets,
        Ids(*(None if x is None else jnp.asarray(x) for x in ids)),
        direction=direction,
        axis_name=axis_name,
    )
    labels = None if labels is None else jnp.asarray(labels, dtype)
    return reduce(terms, labels, reduction, axis_name)
