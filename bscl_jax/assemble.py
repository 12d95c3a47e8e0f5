"""Config → functions: the one file that knows every room and lays the road of the data once."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from bscl_jax import config as configs
from bscl_jax import data, encoders, evaluation, losses, parallel, shuffling, training
from bscl_jax.types import EvaluationSet, PairBatch, Pairs, Params, Task, TokenBatch


class Road(NamedTuple):
    """Everything that a run does, as plain functions.

    Attributes:
        task: the texts.
        encoder: the encoder without its weights.
        state: where training starts.
        num_batches: batches that hold every pair once.
        order: ``(params, epoch) -> int64 n``, the rows of an epoch; epoch 1 is the first.
        batch: ``(order, k) -> PairBatch`` on the mesh, batch k of an order.
        step: ``(state, batch, key) -> (state, facts)``.
        evaluate: ``(params, sets) -> {"set/measure": value}``.
    """

    task: Task
    encoder: encoders.Encoder
    state: training.State
    num_batches: int
    order: Callable[[Params, int], np.ndarray]
    batch: Callable[[np.ndarray, int], PairBatch]
    step: training.Step
    evaluate: Callable[[Params, Mapping[str, EvaluationSet]], dict[str, float]]


def lay_road(
    config: configs.Config, *, advance: Callable[[int], None] = lambda texts: None
) -> Road:
    """Load what the config names and connect the rooms.

    Nothing is written. Whatever the user can have got wrong shows here, before any training.

    Args:
        config: the run.
        advance: called with the number of texts after each batch that is embedded; what it raises
            ends the embedding.

    Raises:
        FileNotFoundError: a file or a model that is not there.
        ValueError: data that cannot be used, or settings that do not fit it or each other.
    """
    with named("data"):
        task = data.load_task(config.data.kind, **options(config.data))
    mesh = check_fits(config, task)
    with named("encoder"):
        encoder, weights = load_encoder(config, task)
    with named("loss.matryoshka_dims"):
        check_dims(config.loss.matryoshka_dims, encoder.dimension)
    params = initial_params(config.loss, weights)

    def encode(params: Params, tokens: TokenBatch, dropout_key: Any) -> Array:
        return encoder.apply(params["encoder"], tokens, dropout_key=dropout_key)

    embed = make_embed(encoder, encode, mesh, config.evaluation.batch_size, advance)
    store = data.tokenize_pairs(task.train, encoder.tokenize)
    batch = make_batches(config.training, store, encoder.pad_id, mesh)
    num_batches = data.num_batches(len(store.scores), config.training.batch_size)
    optimizer = training.make_optimizer(
        num_steps=num_batches * config.training.epochs, **options(config.optimizer)
    )
    loss, chunk_size = make_loss(config.loss, mesh), config.training.chunk_size
    return Road(
        task=task,
        encoder=encoder,
        state=training.init_state(params, optimizer, mesh=mesh),
        num_batches=num_batches,
        order=make_order(config, task.train, embed),
        batch=batch,
        step=training.make_step(encode, loss, optimizer, mesh=mesh, chunk_size=chunk_size),
        evaluate=lambda params, sets: evaluation.evaluate(partial(embed, params), sets),
    )


def options(section: Any, *without: str) -> dict[str, Any]:
    """Return a section's fields as keywords, less its ``kind`` and the fields named."""
    names = {field.name for field in dataclasses.fields(section)} - {"kind", *without}
    return {name: getattr(section, name) for name in names}


@contextmanager
def named(section: str) -> Iterator[None]:
    """Put the section of the config before a room's message, unless that names a file."""
    try:
        yield
    except data.DataError:
        raise
    except ValueError as error:
        raise ValueError(f"{section}: {error}") from error


def check_fits(config: configs.Config, task: Task) -> Mesh:
    """Refuse settings that do not fit data and devices, in one message, before a model is loaded.

    Returns:
        The mesh.

    Raises:
        ValueError: with a line for each setting that does not fit.
    """
    problems: list[str] = []

    def attempt(setting: str, check: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except ValueError as error:
            problems.append(f"{setting}: {error}")

    batch_size, n = config.training.batch_size, len(task.train.queries)
    attempt("evaluation.measure", check_measure, config.evaluation.measure, task.dev)
    mesh = attempt("training.devices", parallel.make_mesh, config.training.devices)
    if attempt("training.batch_size", data.num_batches, n, batch_size) and mesh is not None:
        attempt("training.batch_size", parallel.place, np.zeros(batch_size), mesh)
    if problems or mesh is None:
        raise ValueError("\n".join(problems))
    return mesh


def check_measure(measure: str, dev: Mapping[str, EvaluationSet]) -> None:
    """Refuse a dev measure that the dev sets do not give, before anything is trained."""
    known = measures(dev)
    if measure not in known:
        raise ValueError(f"must be one of {', '.join(known)}, which this data has, was {measure!r}")


def measures(sets: Mapping[str, EvaluationSet]) -> list[str]:
    """Name the measures of the sets, as ``set/measure``."""
    return [f"{name}/{key}" for name, each in sets.items() for key in evaluation.measures(each)]


def load_encoder(config: configs.Config, task: Task) -> tuple[encoders.Encoder, Params]:
    """Load the pre-trained encoder, or make the random one from the training texts."""
    section = config.encoder
    if isinstance(section, configs.RandomEncoder):
        texts = [*task.train.queries, *task.train.targets]
        return encoders.random(texts, seed=config.run.seed, **options(section))
    return encoders.load(section.name, **options(section, "name"))


def check_dims(dims: Sequence[int] | None, dimension: int) -> None:
    """Refuse prefixes that the embeddings do not have, and such as are listed twice."""
    if dims is not None and (len(set(dims)) < len(dims) or max(dims) > dimension):
        raise ValueError(f"must be different numbers up to the encoder's {dimension}, was {dims}")


def initial_params(section: Any, weights: Params) -> Params:
    """Put what is trained of the loss, a temperature's logarithm and a bias, beside the weights."""
    params = {"encoder": weights}
    if getattr(section, "train_temperature", False):
        params["log_temperature"] = jnp.log(jnp.float32(section.temperature))
    if getattr(section, "train_bias", False):
        params["logit_bias"] = jnp.float32(section.bias)
    return params


def make_loss(
    section: configs.Loss, mesh: Mesh
) -> Callable[[Params, Array, Array, PairBatch], Array]:
    """Make ``loss(params, queries, targets, batch)`` of a batch whose rows are split over a mesh.

    The compiler divides the products of a dense loss over the devices, but not a loop over tiles:
    there each device computes the loss of its own rows, against the rows of all.
    """
    by_rows = mesh.size > 1 and getattr(section, "implementation", "dense") != "dense"
    loss = partial(apply_loss, section, axis_name=parallel.AXIS if by_rows else None)
    if section.matryoshka_dims is not None:
        loss = losses.matryoshka(loss, section.matryoshka_dims)

    def of_batch(params: Params, queries: Array, targets: Array, batch: PairBatch) -> Array:
        return loss(queries, targets, params=params, batch=batch)

    return parallel.across(of_batch, mesh) if by_rows else of_batch


def apply_loss(
    section: configs.Loss,
    queries: Array,
    targets: Array,
    *,
    params: Params,
    batch: PairBatch,
    axis_name: str | None,
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
                at_threshold="negative",
                weights=batch.weights,
                axis_name=axis_name,
                **softmax_keywords(section, params, batch),
            )
        case configs.BatchSoftmaxLoss():
            return losses.batch_softmax(
                queries,
                targets,
                labels=weights_of_positives(section, batch),
                axis_name=axis_name,
                **softmax_keywords(section, params, batch),
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
        case configs.TripletLoss():
            return losses.triplet(
                queries,
                targets,
                margin=section.margin,
                distance=section.distance,
                mining=section.mining,
                weights=weights_of_positives(section, batch),
                **content_ids(section, batch),
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
                weights=jnp.concatenate([batch.weights, batch.weights]),
                temperature=temperature_in_training(section, params),
            )


def softmax_keywords(
    section: configs.BatchSoftmaxLoss, params: Params, batch: PairBatch
) -> dict[str, Any]:
    """Return what ``batch_softmax`` and ``combo`` have in common."""
    translated = ("temperature", "train_temperature", "threshold", "mask_duplicates")
    return {
        "temperature": temperature_in_training(section, params),
        **content_ids(section, batch),
        **options(section, *translated, "matryoshka_dims", "mu"),
    }


def content_ids(section: Any, batch: PairBatch) -> dict[str, Any]:
    """Return the ids by which equal texts are no negatives, if they are to be none."""
    if not section.mask_duplicates:
        return {}
    return {"query_ids": batch.query_ids, "target_ids": batch.target_ids}


def weights_of_positives(section: Any, batch: PairBatch) -> Array:
    """Return the rows' weights, 0 for pairs that are no positives."""
    return jnp.where(batch.scores > section.threshold, batch.weights, 0)


def temperature_in_training(section: Any, params: Params) -> Any:
    """Return the temperature, read from the parameters where it is trained."""
    return jnp.exp(params["log_temperature"]) if section.train_temperature else section.temperature


def temperature(section: Any, params: Params) -> float | None:
    """Return the temperature that a model was trained with; None where its loss has none."""
    if "log_temperature" in params:
        return float(jnp.exp(params["log_temperature"]))
    return getattr(section, "temperature", None)


def make_order(
    config: configs.Config, pairs: Pairs, embed: Callable[[Params, Sequence[str]], np.ndarray]
) -> Callable[[Params, int], np.ndarray]:
    """Make ``order(params, epoch)``. A new shuffler is a case here."""
    section, n = config.shuffling, len(pairs.queries)

    def order(params: Params, epoch: int) -> np.ndarray:
        seed = (config.run.seed, epoch)
        if isinstance(section, configs.FileOrder):
            return np.arange(n)
        if isinstance(section, configs.RandomShuffling):
            return shuffling.random(n, seed=seed)
        texts = getattr(pairs, section.side)
        return shuffling.by_example(
            evaluation.unit_rows(embed(params, texts)),
            seed=seed,
            text_ids=data.content_ids(texts) if section.filter_duplicates else None,
            **options(section, "side", "filter_duplicates"),
        )

    return order


def make_embed(
    encoder: encoders.Encoder,
    encode: Callable[[Params, TokenBatch, Any], Array],
    mesh: Mesh,
    batch_size: int,
    advance: Callable[[int], None],
) -> Callable[[Params, Sequence[str]], np.ndarray]:
    """Make ``embed(params, texts)``, without dropout, the rows split over the mesh."""
    apply = jax.jit(lambda params, tokens: encode(params, tokens, None))

    def split(tokens: TokenBatch) -> TokenBatch:
        return tokens if len(tokens.ids) % mesh.size else parallel.place(tokens, mesh)

    def embed(params: Params, texts: Sequence[str]) -> np.ndarray:
        return evaluation.make_embed(
            encoder.tokenize,
            lambda tokens: apply(params, split(tokens)),
            pad_id=encoder.pad_id,
            dimension=encoder.dimension,
            batch_size=batch_size,
            advance=advance,
        )(texts)

    return embed


def make_batches(
    section: configs.Training, store: data.PairTokens, pad_id: int, mesh: Mesh
) -> Callable[[np.ndarray, int], PairBatch]:
    """Make ``batch(order, k)``, padded to a few lengths that the data choose, on the mesh."""
    query_lengths, target_lengths = (
        data.choose_lengths(
            side.lengths, max_shapes=section.num_lengths, batch_size=section.batch_size
        )
        for side in (store.queries, store.targets)
    )

    def batch(order: np.ndarray, k: int) -> PairBatch:
        on_host = data.make_pair_batch(
            store,
            order,
            k,
            batch_size=section.batch_size,
            query_lengths=query_lengths,
            target_lengths=target_lengths,
            pad_id=pad_id,
        )
        return parallel.place(on_host, mesh)

    return batch
