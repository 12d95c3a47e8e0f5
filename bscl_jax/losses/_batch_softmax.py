"""The batch-softmax contrastive loss."""

from collections.abc import Hashable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer, Real

from bscl_jax.losses._checks import (
    check_choice,
    check_extra,
    check_hardness,
    check_ids,
    check_labelled,
    check_pairs,
    check_per_pair,
    check_same_side,
    check_temperature,
    check_tile_size,
)
from bscl_jax.losses._comparison import Embeddings, Implementation, Options
from bscl_jax.losses._dense import dense_sums
from bscl_jax.losses._dot import PRECISIONS
from bscl_jax.losses._gather import positions
from bscl_jax.losses._negatives import (
    marks_of_extras,
    marks_of_labelled_pairs,
    marks_of_pairs,
)
from bscl_jax.losses._normalize import NORMALIZERS, Statistics
from bscl_jax.losses._panels import panel_sums
from bscl_jax.losses._reduce import REDUCTIONS, reduce
from bscl_jax.losses._terms import (
    DIRECTIONS,
    HARDNESS_MODES,
    PARTITIONS,
    SAME_SIDES,
    Batch,
    Softmax,
    softmax_terms,
)
from bscl_jax.losses._tiled import tiled_sums
from bscl_jax.losses._widen import common_type

IMPLEMENTATIONS: dict[str, Implementation] = {
    "dense": dense_sums,
    "tiled": tiled_sums,
    "panels": panel_sums,
}


def batch_softmax(
    queries: Float[ArrayLike, "b d"],
    targets: Float[ArrayLike, "b d"],
    *,
    labels: Real[ArrayLike, " b"] | Bool[ArrayLike, " b"] | None = None,
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
        positive_ids: content ids of p further texts that are known to belong to the row's query,
            compared with ``target_ids`` and ``extra_ids``: a target or extra candidate with one of
            them is no negative of that query, nor the query of that target. Where a row has fewer,
            repeat its own target's id.
        labelled_negatives: True where the pair is known to be none. Its target stays a negative of
            rows that have the same query but another target, and its query one of columns that have
            the same target but another query. None = pairs that share a text are never negatives
            of each other, whatever the labels say.
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
        partition: ``"separate"``, a softmax for each direction; ``"joint"``, one softmax over the
            candidates of both, in whose denominator the positive stands once for each direction.
        same_side: whose own side are negatives too: ``"queries"`` adds q_i·q_j / τ to the row's
            sum, ``"targets"`` adds t_i·t_j / τ to the column's, for the same j as there;
            ``"both"``, ``"none"``.
        hardness_strength: α ≥ 0, dimensionless. Adds α times the similarity (before the division by
            τ) to each negative's logit, as a constant: harder negatives get a larger part of the
            gradient. Terms of ``same_side`` are left as they are. 9 and 5 are in use.
        hardness_mode: whose: ``"batch"``, the other targets (and queries, in the columns);
            ``"extra"``, the extra candidates; ``"all"``.
        reduction: ``"batch"`` divides the sum by b, whatever the labels; ``"positives"`` by the sum
            of the labels (0 where that is 0); ``"none"`` returns the weighted terms.
        implementation: ``"dense"`` builds the similarity matrix, 4 b² bytes and more in float32, in
            6 b² d operations forward and backward. ``"tiled"`` never does: it makes the matrix tile
            by tile, and again for the gradient, in 8 b² d operations and memory for b·d numbers;
            with ``axis_name`` the targets go round the devices in their own type, and no device
            holds all of them. It has no forward-mode derivative. ``"panels"`` is tiled with tiles
            as wide as the matrix, meant for GPUs.
        tile_size: most columns of a tile, which has up to twice as many rows; the rows of a panel.
        precision: of the products of embeddings, ``"highest"``, that of their type; ``"high"`` or
            ``"default"``, factors that an accelerator rounds as ``jax.lax.Precision`` says (a GPU
            to 10 bits, a TPU to 7), which is several times as fast; ``"BF16_BF16_F32_X3"``, three
            products of factors cut in two, which on a GPU's tensor cores is nearly as exact as the
            highest and 1.6 times as fast. A CPU rounds nothing, and float64 is never rounded.
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
        TypeError: embeddings that are not floating point, ids that are not integers, labelled
            negatives that are not bool.

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
    the loss's ``pmean`` that was differentiated: the sum over devices is already in them. Outside
    ``vmap(axis_name=…)`` the tiled implementations have no gradient: jax calls the axis unbound.

    The positive is factored out of the sum (softplus), so that a small loss keeps float32's digits.
    Every term is finite for logits of ±1e4, one row, duplicates and labels that are all 0. A NaN in
    the embeddings gives NaN. Ties of a column's max or min share its gradient evenly.

    Differs: the paper adds the two directions, its code and we take their mean. Its code lets a
    constant column answer inf or nan, and normalizes each side by its own columns.
    sentence-transformers weighs hard negatives in the direction of the queries only, and a row's
    own hard negatives apart from those of other rows: here extra candidates belong to no row.

    References:
        Chernyavskiy et al., "Batch-Softmax Contrastive Loss for Pairwise Sentence Scoring Tasks",
        NAACL 2022, https://arxiv.org/abs/2110.15725, sections 3.1 and 3.3 to 3.5.
        Li et al., "Towards General Text Embeddings with Multi-stage Contrastive Learning", 2023,
        https://arxiv.org/abs/2308.03281, section 3.3 (``"joint"`` and ``same_side``).
        Lan et al., "LLaVE", 2025, https://arxiv.org/abs/2503.04812, eq. 5 (hardness).
    """
    check_pairs(queries=queries, targets=targets)
    b, d = jnp.shape(queries)
    check_per_pair(b, labels=labels)
    check_labelled(b, labelled_negatives)
    check_extra(extra_targets, d)
    check_ids(b, extra_targets, query_ids, target_ids, extra_ids, positive_ids)
    check_temperature(temperature)
    check_choice("normalize", normalize, NORMALIZERS)
    check_choice("direction", direction, DIRECTIONS)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("partition", partition, PARTITIONS)
    check_choice("same_side", same_side, SAME_SIDES)
    check_choice("hardness_mode", hardness_mode, HARDNESS_MODES)
    check_hardness(hardness_strength)
    check_same_side(direction, partition, same_side)
    check_choice("implementation", implementation, IMPLEMENTATIONS)
    check_tile_size(tile_size)
    check_choice("precision", precision, PRECISIONS)

    dtype = common_type(queries, targets, extra_targets)
    normalizer = NORMALIZERS[normalize]

    def embeddings(x: ArrayLike, statistics: Statistics | None = None) -> Embeddings:
        given = jnp.asarray(x)
        wide = given.astype(dtype)  # once, so that a gradient of bfloat16 is rounded once
        known = normalizer.measure(wide, axis_name) if statistics is None else statistics
        return Embeddings(given, known, normalizer.apply(wide, known))

    of_queries, of_targets = embeddings(queries), embeddings(targets)
    extras = None
    if extra_targets is not None and jnp.shape(extra_targets)[0] > 0:
        extras = embeddings(extra_targets, of_targets.statistics)
    ids = [
        None if x is None else jnp.asarray(x)
        for x in (query_ids, target_ids, extra_ids, positive_ids)
    ]
    places = positions(b, axis_name)
    marks = row_marks = marks_of_pairs(places, ids[0], ids[1], ids[3])
    column_marks = None
    if labelled_negatives is not None:
        known = jnp.asarray(labelled_negatives)
        row_marks, column_marks = marks_of_labelled_pairs(places, ids[0], ids[1], known, ids[3])
    batch = Batch(
        queries=of_queries,
        targets=of_targets,
        extras=extras,
        marks=marks,
        row_marks=row_marks,
        column_marks=column_marks,
        extra_marks=marks_of_extras(ids[1], ids[2], ids[3]),
        temperature=jnp.asarray(temperature, dtype),
    )
    terms = softmax_terms(
        batch,
        Softmax(direction, partition, same_side, hardness_strength, hardness_mode),
        IMPLEMENTATIONS[implementation],
        Options(direction, (2 * tile_size, tile_size), axis_name, normalizer.apply, precision),
    )
    labels = None if labels is None else jnp.asarray(labels, dtype)
    return reduce(terms, labels, reduction, axis_name)
