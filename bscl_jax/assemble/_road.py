"""The road of the data: every room's function, laid once from a config."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from bscl_jax import config as configs
from bscl_jax import data, encoders, evaluation, gradients, parallel, training
from bscl_jax.assemble._batch_facts import BatchFacts, make_batch_facts
from bscl_jax.assemble._batches import Extras, count_extras, make_batches
from bscl_jax.assemble._fingerprint import describe_start, hash_sources
from bscl_jax.assemble._first_embeddings import keep_first
from bscl_jax.assemble._fits import check_dims, check_fits, named, options
from bscl_jax.assemble._kept_traces import TraceCache, compile_now
from bscl_jax.assemble._loss import initial_params, takes_negatives, takes_triplets, threshold_of
from bscl_jax.assemble._order import check_order, hash_orders, make_order
from bscl_jax.assemble._rows import make_rows
from bscl_jax.assemble._stages import Stage, list_stages
from bscl_jax.assemble._steps import (
    Program,
    by_epoch,
    make_begin,
    make_gradients,
    make_optimizers,
    make_programs,
    make_steps,
)
from bscl_jax.assemble._towers import Embeds, Towers, load_towers, make_embeds
from bscl_jax.assemble._weights import sections_of, train_only
from bscl_jax.types import EvaluationSet, PairBatch, Params, Task


class Road(NamedTuple):
    """Everything that a run does, as plain functions.

    Attributes:
        task: the texts.
        hashes: by split, the SHA-256 of its texts and scores as they were read.
        sources: ``() -> {name: SHA-256}``, these and those of models, prompts and orders.
        encoder: the encoder without its weights, that of the queries where there are two.
        towers: what the texts of either side go through.
        state: where training starts.
        num_batches: batches that hold every pair once.
        extras: the extra candidates of a batch; None where there are none.
        stages: what is trained one after the other, and in which epochs.
        order: ``(params, epoch) -> int64 n``, the rows of an epoch; epoch 1 is the first.
        batch: ``(order, k) -> PairBatch``, batch k of an order, ready for a step.
        ahead: how many batches are made in a row, while a step runs.
        batch_facts: ``(params, order, most) -> {name: value}``, what the batches of an order hold,
            with similarities by the parameters in at most so many of them.
        begin: ``(state, epoch) -> state``, the state with which an epoch begins.
        step: ``epoch -> step``, of which each is ``(state, batch, key) -> (state, facts)``.
        programs: ``(state, key, first_epoch) -> [program]``, what ``step`` will need from this
            epoch on, if batches are packed: for each shape of them, the most needed first.
        gradient: ``epoch -> gradient``, of which each is ``(state, batch, key) -> (loss, grads)``.
        observe: ``(params, sets) -> {set: what the model shows on it}``.
        evaluate: ``(params, sets) -> {"set/measure": value}``, which follow from that.
    """

    task: Task
    hashes: Mapping[str, str]
    sources: Callable[[], dict[str, str]]
    encoder: encoders.Encoder
    towers: Towers
    state: training.State
    num_batches: int
    extras: Extras | None
    stages: Sequence[Stage]
    order: Callable[[Params, int], np.ndarray]
    batch: Callable[[np.ndarray, int], PairBatch]
    ahead: int
    batch_facts: BatchFacts
    begin: Callable[[training.State, int], training.State]
    step: Callable[[int], training.Step]
    programs: Callable[..., list[Program]]
    gradient: Callable[[int], training.Gradient]
    observe: Callable[[Params, Mapping[str, EvaluationSet]], dict[str, evaluation.Observation]]
    evaluate: Callable[[Params, Mapping[str, EvaluationSet]], dict[str, float]]


def lay_road(
    config: configs.Config,
    *,
    advance: Callable[[int], None] = lambda texts: None,
    token_cache: Path | None = None,
    embedding_cache: Path | None = None,
    trace_cache: Path | None = None,
    begun: Extras | None = None,
) -> Road:
    """Load what the config names and connect the rooms.

    Nothing is written but to the cache. Whatever the user can have got wrong shows here, before
    any training.

    Args:
        config: the run.
        advance: called with the number of texts after each batch that is embedded; what it raises
            ends the embedding.
        token_cache: a folder that keeps token ids from one start to the next.
        embedding_cache: a folder that so keeps what the model before training makes of texts.
        trace_cache: one that so keeps traced steps.
        begun: the extra candidates with which a run has begun that is to go on; they depend on the
            devices that it had.

    Raises:
        FileNotFoundError: a file or a model that is not there.
        ValueError: data that cannot be used, or settings that do not fit it or each other.
    """
    with named("data"):
        task = data.load_task(config.data.kind, **options(config.data))
    hashes = data.hash_splits(task)
    task = task._replace(train=make_rows(config, task.train))
    mesh = check_fits(config, task)
    check_order(config, len(task.train.queries))
    towers, params = load_towers(config, task)
    encoder = towers.queries.encoder
    stages = list_stages(config)
    params = start_params(stages, encoder, params["encoder"]) | params
    with_negatives = any(takes_negatives(stage.section.loss) for stage in stages)
    pairs = task.train if with_negatives else task.train._replace(negatives=None)
    threshold = threshold_of([stage.section.loss for stage in stages])
    encode = encode_on(mesh, towers, config.training)
    store = towers.tokenize(pairs, token_cache, threshold)
    triplets = takes_triplets(stages[0].section.loss)
    batches = make_batches(
        config.training,
        store,
        towers.pad_ids,
        mesh,
        most_tokens=encoder.most_tokens,
        together=not isinstance(encode, tuple),
        triplets=triplets,
        begun=begun,
    )
    in_batch = store._replace(negatives=None) if triplets else store
    num_batches = data.num_batches(len(store.scores), config.training.batch_size)
    optimizers = [
        train_only(optimizer, sections_of(config))
        for optimizer in make_optimizers(stages, num_batches)
    ]
    state = training.init_state(params, optimizers[0], mesh=mesh)

    def embeds_of(towers: Towers) -> Embeds:
        batch_size = config.evaluation.batch_size
        embeds = make_embeds(towers, mesh, batch_size, advance)
        return keep_first(embeds, towers, state.params, embedding_cache, mesh, batch_size)

    embeds = embeds_of(towers)

    def embeds_in(dtype: str) -> Embeds:
        there = towers.with_dtype(dtype)
        return embeds if there == towers else embeds_of(there)

    def observe(
        params: Params, sets: Mapping[str, EvaluationSet]
    ) -> dict[str, evaluation.Observation]:
        return evaluation.observe(embeds.at(params), sets)

    compile_step = compile_now
    if trace_cache is not None and jax.process_count() == 1:
        described = partial(describe_start, config, hashes, towers, params, mesh)
        compile_step = TraceCache(trace_cache, described)

    def sources() -> dict[str, str]:
        orders = hash_orders(config, len(task.train.queries))
        return {**hashes, **hash_sources(config, towers, params), **orders}

    steps = make_steps(config.training, stages, optimizers, encode, mesh)
    return Road(
        task=task,
        hashes=hashes,
        sources=sources,
        encoder=encoder,
        towers=towers,
        state=state,
        num_batches=num_batches,
        extras=count_extras(config.training, in_batch.negatives, mesh, begun),
        stages=stages,
        order=make_order(config, task.train, embeds, params, embeds_in=embeds_in),
        batch=batches.batch,
        ahead=batches.ahead,
        batch_facts=make_batch_facts(
            config.training, pairs, in_batch, embeds, mesh, threshold=threshold, begun=begun
        ),
        begin=make_begin(stages, optimizers, mesh),
        step=by_epoch(config.training, stages, steps),
        programs=make_programs(
            config.training, stages, steps, batches, len(store.scores), compile_step
        ),
        gradient=make_gradients(config.training, stages, encode, mesh),
        observe=observe,
        evaluate=lambda params, sets: evaluation.summarize(observe(params, sets)),
    )


def encode_on(
    mesh: Mesh, towers: Towers, section: configs.Training
) -> gradients.Encode | tuple[gradients.Encode, gradients.Encode]:
    """Return what encodes in training: on a CPU by itself, in parts where that is faster."""
    encode = towers.encode
    if not parallel.is_one_cpu(mesh) or isinstance(encode, tuple) or section.chunk_size is not None:
        return encode
    return gradients.in_parts(encode)


def start_params(stages: Sequence[Stage], encoder: encoders.Encoder, weights: Params) -> Params:
    """Return the parameters of all stages; what several train of the loss starts as in the first.

    Raises:
        ValueError: the encoder's embeddings are too short for a loss.
    """
    params: Params = {}
    for stage in stages:
        loss = stage.section.loss
        with named(f"{stage.place}loss.matryoshka_dims"):
            check_dims(loss.matryoshka_dims, encoder.dimension)
        params = initial_params(loss, weights) | params
    return params
