"""The road of the data: every room's function, laid once from a config."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from bscl_jax import config as configs
from bscl_jax import data, encoders, evaluation, parallel, training
from bscl_jax.assemble._batches import make_batches
from bscl_jax.assemble._fits import check_dims, check_fits, named, options
from bscl_jax.assemble._loss import initial_params, make_loss, takes_negatives
from bscl_jax.assemble._order import check_order, make_order
from bscl_jax.types import EvaluationSet, PairBatch, Params, Task, TokenBatch


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
    with named("shuffling"):
        check_order(config, len(task.train.queries))
    with named("encoder"):
        encoder, weights = load_encoder(config, task)
    with named("loss.matryoshka_dims"):
        check_dims(config.loss.matryoshka_dims, encoder.dimension)
    params = initial_params(config.loss, weights)

    def encode(params: Params, tokens: TokenBatch, dropout_key: Any) -> Array:
        return encoder.apply(params["encoder"], tokens, dropout_key=dropout_key)

    embed = make_embed(encoder, encode, mesh, config.evaluation.batch_size, advance)
    pairs = task.train if takes_negatives(config.loss) else task.train._replace(negatives=None)
    store = data.tokenize_pairs(pairs, encoder.tokenize)
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
        order=make_order(config, task.train, embed, params),
        batch=batch,
        step=training.make_step(encode, loss, optimizer, mesh=mesh, chunk_size=chunk_size),
        evaluate=lambda params, sets: evaluation.evaluate(partial(embed, params), sets),
    )


def load_encoder(config: configs.Config, task: Task) -> tuple[encoders.Encoder, Params]:
    """Load the pre-trained encoder, or make the random one from the training texts."""
    section = config.encoder
    if isinstance(section, configs.RandomEncoder):
        texts = [*task.train.queries, *task.train.targets]
        return encoders.random(texts, seed=config.run.seed, **options(section))
    return encoders.load(section.name, **options(section, "name"))


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
