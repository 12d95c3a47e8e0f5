"""One training step, compiled for a mesh."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Key

from bscl_jax import gradients, parallel
from bscl_jax.training._gradient import make_gradient
from bscl_jax.training._nonfinite import update_if_finite
from bscl_jax.training._norm import find_norm
from bscl_jax.training._optimizer import last_learning_rate
from bscl_jax.training._state import State
from bscl_jax.training._temperature import BIAS, NAME, clamp_temperature
from bscl_jax.types import PairBatch, Params

Facts = dict[str, Float[Array, ""]]
Step = Callable[[State, PairBatch, Key[Array, ""] | None], tuple[State, Facts]]


def make_step(
    encode: gradients.Encode | tuple[gradients.Encode, gradients.Encode],
    loss: gradients.Loss,
    optimizer: optax.GradientTransformation,
    *,
    mesh: Mesh,
    chunk_size: int | None = None,
) -> Step:
    """Return a training step: the gradient of one batch, and the update that follows from it.

    The rows of the batch are split over the devices, the state is whole on each. The loss is
    written as for one device and sees the whole batch, so each pair is a negative of every other
    on whichever device. One device or many give the same update up to rounding.

    Args:
        encode: see ``gradients.value_and_grad``.
        loss: see there.
        optimizer: from ``make_optimizer``, or any other of Optax.
        mesh: from ``parallel.make_mesh``.
        chunk_size: rows of the batch to encode at a time (see
            ``gradients.cached_value_and_grad``); None encodes all at once.

    Returns:
        ``step(state, batch, key) -> (state, facts)``, jitted. It overwrites (donates) the state it
        is given. Dropout is drawn from key and ``state.step``; None for the key means no
        dropout. Facts are scalars: ``loss``, ``temperature`` and ``bias`` (where trained) before
        the update, ``gradient_norm`` before clipping (which the optimizer is given under that name,
        if it takes it), ``learning_rate`` (where the optimizer keeps it) of the last update. A
        trained temperature is clamped to [0.001, 10] after the update.
        Where loss or gradient norm is not finite there is no update: parameters and optimizer stay
        as they were, bit for bit, and only ``state.step`` counts on.

    Raises:
        ValueError: if chunk_size < 1.

    Example:
        >>> import jax, numpy as np, optax
        >>> from bscl_jax import parallel, training
        >>> from bscl_jax.types import PairBatch, TokenBatch
        >>> tokens = TokenBatch(np.zeros((2, 3), np.int32), np.ones((2, 3), bool))
        >>> ones, ids = np.ones(2, np.float32), np.arange(2, dtype=np.int32)
        >>> batch = PairBatch(tokens, tokens, ones, ones, ids, ids)
        >>> encode = lambda params, tokens, dropout_key: params["encoder"][tokens.ids].mean(1)
        >>> loss = lambda params, queries, targets, batch: (queries * targets).sum()
        >>> mesh, optimizer = parallel.make_mesh(1), optax.sgd(0.1)
        >>> step = training.make_step(encode, loss, optimizer, mesh=mesh)
        >>> params = {"encoder": np.ones((5, 4), np.float32)}
        >>> state = training.init_state(params, optimizer, mesh=mesh)
        >>> state, facts = step(state, parallel.place(batch, mesh), jax.random.key(0))
        >>> int(state.step), float(facts["loss"])
        (1, 8.0)
    """
    gradient = make_gradient(encode, loss, mesh=mesh, chunk_size=chunk_size)
    optimizer = optax.with_extra_args_support(optimizer)

    def step(state: State, batch: PairBatch, key: Key[Array, ""] | None) -> tuple[State, Facts]:
        value, grads = gradient(state, batch, key)
        norm = find_norm(grads)

        def update() -> tuple[Params, optax.OptState]:
            updates, opt_state = optimizer.update(
                grads, state.opt_state, state.params, gradient_norm=norm
            )
            return clamp_temperature(optax.apply_updates(state.params, updates)), opt_state

        former = state.params, state.opt_state
        params, opt_state = update_if_finite(value, norm, update, former)
        facts = {"loss": value, "gradient_norm": norm}
        if (rate := last_learning_rate(opt_state)) is not None:
            facts["learning_rate"] = rate
        if NAME in state.params:
            facts["temperature"] = jnp.exp(state.params[NAME])
        if BIAS in state.params:
            facts["bias"] = state.params[BIAS]
        return State(params, opt_state, state.step + 1), facts

    everywhere = NamedSharding(mesh, PartitionSpec())
    rows = NamedSharding(mesh, PartitionSpec(parallel.AXIS))
    return jax.jit(
        step,
        in_shardings=(everywhere, rows, everywhere),
        out_shardings=everywhere,
        donate_argnums=0,
        compiler_options=parallel.compiler_options(),
    )
