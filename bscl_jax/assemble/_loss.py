"""The loss that a config names, as a function of parameters, embeddings and batch."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeGuard

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from bscl_jax import config as configs
from bscl_jax import data, losses, parallel
from bscl_jax.assemble._fits import options
from bscl_jax.types import PairBatch, Params


def initial_params(section: Any, weights: Params) -> Params:
    """Put what is trained of the loss, a temperature's logarithm and a bias, beside the weights."""
    params = {"encoder": weights}
    if getattr(section, "train_temperature", False):
        params["log_temperature"] = jnp.log(jnp.float32(section.temperature))
    if getattr(section, "train_bias", False):
        params["logit_bias"] = jnp.float32(section.bias)
    return params


def make_loss(section: configs.Loss, mesh: Mesh) -> Callable[..., Array]:
    """Make ``loss(params, queries, targets, batch)`` of a batch whose rows are split over a mesh.

    Embeddings of extra candidates, of a loss that ``takes_negatives``, are a fifth argument.

    The compiler divides the products of a dense loss over the devices, but not a loop over tiles:
    there each device computes the loss of its own rows, against the rows of all.
    """
    by_rows = mesh.size > 1 and getattr(section, "implementation", "dense") != "dense"
    loss = partial(apply_loss, section, axis_name=parallel.AXIS if by_rows else None)
    if section.matryoshka_dims is not None:
        loss = losses.matryoshka(loss, section.matryoshka_dims)

    def of_batch(
        params: Params,
        queries: Array,
        targets: Array,
        batch: PairBatch,
        extra_targets: Array | None = None,
    ) -> Array:
        return loss(queries, targets, params=params, batch=batch, extra_targets=extra_targets)

    return parallel.across(of_batch, mesh) if by_rows else of_batch


def takes_negatives(section: configs.Loss) -> bool:
    """Tell whether the loss has a use for hard negatives: a softmax of the queries, triplets."""
    if isinstance(section, configs.BatchSoftmaxLoss):
        return section.direction != "targets"
    return takes_triplets(section)


def takes_triplets(section: configs.Loss) -> TypeGuard[configs.TripletLoss]:
    """Tell whether each row is to have a negative of its own."""
    return isinstance(section, configs.TripletLoss) and section.negatives == "given"


def threshold_of(sections: Sequence[configs.Loss]) -> float:
    """Return the score above which a pair is positive, to the first loss that has one of its own.

    Where none has, it is that of the data room. To a loss to which a score at its threshold is
    positive, it is the number of float32, as scores are, below that.
    """
    for section in sections:
        threshold = getattr(section, "threshold", None)
        if threshold is not None:
            at_it = getattr(section, "at_threshold", "negative") == "positive"
            return (
                float(np.nextafter(np.float32(threshold), np.float32(-1))) if at_it else threshold
            )
    return data.POSITIVE


def apply_loss(
    section: configs.Loss,
    queries: Array,
    targets: Array,
    *,
    params: Params,
    batch: PairBatch,
    axis_name: str | None,
    extra_targets: Array | None = None,
) -> Array:
    """Call the loss that the section names. A new loss is a case here.

    With an axis name the rows are one device's: for losses with an ``implementation``.
    """
    match section:
        case configs.ComboLoss():
            return losses.combo(
                queries,
                targets,
                batch.scores,
                mu=section.mu,
                threshold=section.threshold,
                weights=batch.weights,
                axis_name=axis_name,
                **softmax_keywords(section, params, batch, extra_targets),
            )
        case configs.BatchSoftmaxLoss():
            return losses.batch_softmax(
                queries,
                targets,
                labels=weights_of_positives(section, batch),
                axis_name=axis_name,
                **softmax_keywords(section, params, batch, extra_targets),
            )
        case configs.CosineMseLoss():
            return losses.cosine_mse(queries, targets, batch.scores, weights=batch.weights)
        case configs.PearsonLoss():
            return losses.pearson(queries, targets, batch.scores, weights=batch.weights)
        case configs.CosentLoss():
            return losses.cosent(
                queries,
                targets,
                batch.scores,
                weights=batch.weights,
                temperature=section.temperature,
            )
        case configs.TripletLoss(negatives="given"):
            return losses.triplet(
                queries,
                targets,
                extra_targets,
                margin=section.margin,
                distance=section.distance,
                weights=batch.weights,
            )
        case configs.TripletLoss():
            return losses.triplet(
                queries,
                targets,
                margin=section.margin,
                distance=section.distance,
                mining=section.mining,
                weights=weights_of_positives(section, batch),
                **content_ids(section, batch),
                **labelled_negatives(section, batch),
            )
        case configs.SigmoidLoss():
            return losses.sigmoid(
                queries,
                targets,
                labels=batch.scores > section.threshold,
                weights=batch.weights,
                temperature=temperature_in_training(section, params),
                bias=params["logit_bias"] if section.train_bias else section.bias,
                **content_ids(section, batch),
            )
        case configs.SupervisedLoss():
            # The query of a labelled negative is not of its target's class: it has its own.
            of_queries = jnp.where(
                batch.scores > section.threshold, batch.target_ids, batch.query_ids
            )
            return losses.supervised(
                jnp.concatenate([queries, targets]),
                jnp.concatenate([of_queries, batch.target_ids]),
                text_ids=jnp.concatenate([batch.query_ids, batch.target_ids]),
                weights=jnp.concatenate([batch.weights, batch.weights]),
                temperature=temperature_in_training(section, params),
            )


def softmax_keywords(
    section: configs.BatchSoftmaxLoss,
    params: Params,
    batch: PairBatch,
    extra_targets: Array | None,
) -> dict[str, Any]:
    """Return what ``batch_softmax`` and ``combo`` have in common."""
    translated = ("temperature", "train_temperature", "threshold", "mask_duplicates")
    return {
        "temperature": temperature_in_training(section, params),
        **content_ids(section, batch),
        **labelled_negatives(section, batch),
        **extra_candidates(section, batch, extra_targets),
        **options(section, *translated, "matryoshka_dims", "mu"),
    }


def extra_candidates(
    section: configs.BatchSoftmaxLoss, batch: PairBatch, extra_targets: Array | None
) -> dict[str, Any]:
    """Return the extra candidates and, if equal texts are to be no negatives, their ids."""
    if extra_targets is None:
        return {}
    ids = {"extra_ids": batch.extra_ids} if section.mask_duplicates else {}
    return {"extra_targets": extra_targets, **ids}


def content_ids(section: Any, batch: PairBatch) -> dict[str, Any]:
    """Return the ids by which equal texts and known positives are no negatives, if so wanted."""
    if not section.mask_duplicates:
        return {}
    names = ("query_ids", "target_ids", "positive_ids")
    return {name: getattr(batch, name) for name in names}


def labelled_negatives(section: Any, batch: PairBatch) -> dict[str, Any]:
    """Return which pairs are known to be none: their targets are negatives of their own query."""
    if not section.mask_duplicates:
        return {}
    if getattr(section, "at_threshold", "negative") == "positive":
        return {"labelled_negatives": batch.scores < section.threshold}
    return {"labelled_negatives": batch.scores <= section.threshold}


def weights_of_positives(section: Any, batch: PairBatch) -> Array:
    """Return the rows' weights, 0 for pairs that are no positives."""
    return jnp.where(batch.scores > section.threshold, batch.weights, 0)


def temperature_in_training(section: Any, params: Params) -> Any:
    """Return the temperature, read from the parameters where it is trained."""
    return jnp.exp(params["log_temperature"]) if section.train_temperature else section.temperature


def temperature(section: Any, params: Params) -> float | None:
    """Return the temperature that a model was trained with; None where its loss has none."""
    if getattr(section, "train_temperature", False):
        return float(jnp.exp(params["log_temperature"]))
    return getattr(section, "temperature", None)
