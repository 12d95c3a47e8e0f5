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
    loss, chunk_size = make_loss(config.loss), config.training.chunk_size
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


def initial_params(section: Any, weights: Params) -> Params:
    """Put the logarithm of a trained temperature beside the weights."""
    if not getattr(section, "train_temperature", False):
        return {"encoder": weights}
    return {"encoder": weights, "log_temperature": jnp.log(jnp.float32(section.temperature))}


def make_loss(
    section: configs.BatchSoftmaxLoss | configs.ComboLoss | configs.CosineMseLoss,
) -> Callable[[Params, Array, Array, PairBatch], Array]:
    """Make ``loss(params, queries, targets, batch)``. A new loss is a case here."""
    if isinstance(section, configs.CosineMseLoss):
        return lambda _, queries, targets, batch: losses.cosine_mse(
            queries, targets, batch.scores, weights=batch.weights
        )

    def softmax_keywords(params: Params, batch: PairBatch) -> dict[str, Any]:
        masked = section.mask_duplicates
        return {
            "temperature": jnp.exp(params["log_temperature"])
            if section.train_temperature
            else section.temperature,
            "normalize": section.normalize,
            "direction": section.direction,
            "reduction": section.reduction,
            "query_ids": batch.query_ids if masked else None,
            "target_ids": batch.target_ids if masked else None,
        }

    if isinstance(section, configs.ComboLoss):
        return lambda params, queries, targets, batch: losses.combo(
            queries,
            targets,
            batch.scores,
            mu=section.mu,
            threshold=section.threshold,
            at_threshold="negative",
            weights=batch.weights,
            **softmax_keywords(params, batch),
        )
    return lambda params, queries, targets, batch: losses.batch_softmax(
        queries,
        targets,
        labels=jnp.where(batch.scores > section.threshold, batch.weights, 0),
        **softmax_keywords(params, batch),
    )


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
