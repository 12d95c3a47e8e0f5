"""The training step of each epoch, by the stage that the epoch is in."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Key

from bscl_jax import config as configs
from bscl_jax import parallel, training
from bscl_jax.assemble._batches import Batches, as_shape
from bscl_jax.assemble._fits import options
from bscl_jax.assemble._loss import make_loss, takes_negatives
from bscl_jax.assemble._stages import Stage, stage_of
from bscl_jax.types import PairBatch

Result = TypeVar("Result")
CompileStep = Callable[..., training.Step]
"""``(stage, step, state, batch, key) -> step``, compiled for what looks like these."""
OfBatch = Callable[[training.State, PairBatch, Key[Array, ""] | None], Result]


def make_optimizers(
    stages: Sequence[Stage], num_batches: int
) -> list[optax.GradientTransformation]:
    """Make the optimizer of each stage, with the schedule of its own steps."""
    return [
        training.make_optimizer(
            num_steps=num_batches * len(stage.epochs), **options(stage.section.optimizer)
        )
        for stage in stages
    ]


def make_steps(
    section: configs.Training,
    stages: Sequence[Stage],
    optimizers: Sequence[optax.GradientTransformation],
    encode: Any,
    mesh: Mesh,
) -> list[training.Step]:
    """Make the step of each stage."""
    return [
        training.make_step(
            encode,
            make_loss(stage.section.loss, mesh),
            optimizer,
            mesh=mesh,
            chunk_size=section.chunk_size,
        )
        for stage, optimizer in zip(stages, optimizers, strict=True)
    ]


class Program(NamedTuple):
    """A step for batches of certain shapes, which can be compiled before there is such a batch.

    Attributes:
        epoch: the first that takes it.
        shapes: of the batch, see :func:`shapes_of`.
        compile: compiles it, and returns the step for such batches.
    """

    epoch: int
    shapes: tuple[tuple[int, ...], ...]
    compile: Callable[[], training.Step]


def shapes_of(batch: PairBatch) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of all arrays of a batch, which a step is compiled for."""
    return tuple(leaf.shape for leaf in jax.tree.leaves(batch))


def make_programs(
    section: configs.Training,
    stages: Sequence[Stage],
    steps: Sequence[Any],
    batches: Batches,
    num_pairs: int,
    compile_step: CompileStep,
) -> Callable[..., list[Program]]:
    """Make ``programs(state, key, first_epoch)``, see ``Road``."""
    compile_for = by_epoch(
        section, stages, [partial(compile_step, *each) for each in enumerate(steps)]
    )

    def programs(
        state: training.State, key: Key[Array, ""] | None, first_epoch: int
    ) -> list[Program]:
        last = stages[-1].epochs[-1]
        epochs = {first_epoch, *changes(section, stages)} & {*range(first_epoch, last + 1)}
        twins = batches.like(batches.batch(np.arange(num_pairs), 0))
        state = jax.tree.map(as_shape, state)  # a first step may have donated the arrays by then
        like_key: Any = None if key is None else jax.ShapeDtypeStruct(key.shape, key.dtype)

        def program(epoch: int, like: PairBatch) -> Program:
            def compile_program() -> training.Step:
                step = compile_for(epoch)(state, like, like_key)
                return by_epoch(section, stages, [step] * len(stages))(epoch)

            return Program(epoch, shapes_of(like), compile_program)

        return [program(epoch, like) for epoch in sorted(epochs) for like in twins]

    return programs


def changes(section: configs.Training, stages: Sequence[Stage]) -> list[int]:
    """Return the epochs from which on another step is taken."""
    without = [] if section.dropout_epochs is None else [section.dropout_epochs + 1]
    return [*(stage.epochs[0] for stage in stages), *without]


def make_gradients(
    section: configs.Training, stages: Sequence[Stage], encode: Any, mesh: Mesh
) -> Callable[[int], training.Gradient]:
    """Make ``gradient(epoch)``, that of its step, see :func:`by_epoch`."""
    gradients = [
        jax.jit(
            training.make_gradient(
                encode,
                make_loss(stage.section.loss, mesh),
                mesh=mesh,
                chunk_size=section.chunk_size,
            ),
            compiler_options=parallel.compiler_options(),
        )
        for stage in stages
    ]
    return by_epoch(section, stages, gradients)


def by_epoch(
    section: configs.Training, stages: Sequence[Stage], functions: Sequence[OfBatch[Result]]
) -> Callable[[int], OfBatch[Result]]:
    """Return that of the epoch's stage, with dropout as long as there is to be any.

    Stages share their batches; extra candidates are left out for a loss that has no use for them.
    """

    def function_of(epoch: int) -> OfBatch[Result]:
        stage = stage_of(stages, epoch)
        function = functions[stages.index(stage)]
        dropout = section.dropout_epochs is None or epoch <= section.dropout_epochs
        negatives = takes_negatives(stage.section.loss)

        def take(state: training.State, batch: PairBatch, key: Key[Array, ""] | None) -> Result:
            if not negatives:
                batch = batch._replace(extras=None, extra_ids=None)
            return function(state, batch, key if dropout else None)

        return take

    return function_of


def make_begin(
    stages: Sequence[Stage], optimizers: Sequence[optax.GradientTransformation], mesh: Mesh
) -> Callable[[training.State, int], training.State]:
    """Make ``begin(state, epoch)``, with which the optimizer begins anew in each later stage."""
    firsts = {
        stage.epochs.start: optimizer
        for stage, optimizer in zip(stages[1:], optimizers[1:], strict=True)
    }

    def begin(state: training.State, epoch: int) -> training.State:
        if epoch not in firsts:
            return state
        return training.restart_optimizer(state, firsts[epoch], mesh=mesh)

    return begin
