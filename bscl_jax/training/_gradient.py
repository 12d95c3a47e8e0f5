"""The gradient of one batch, as a step takes it."""

from collections.abc import Callable

import jax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key

from bscl_jax import gradients
from bscl_jax.training._state import State
from bscl_jax.types import PairBatch, Params

Gradient = Callable[[State, PairBatch, Key[Array, ""] | None], tuple[Float[Array, ""], Params]]


def make_gradient(
    encode: gradients.Encode | tuple[gradients.Encode, gradients.Encode],
    loss: gradients.Loss,
    *,
    mesh: Mesh,
    chunk_size: int | None = None,
) -> Gradient:
    """Return the gradient that ``make_step`` takes its update from, to look at or to jit.

    Args:
        encode: see ``make_step``, as for the others.
        loss: see there.
        mesh: see there.
        chunk_size: see there.

    Returns:
        ``gradient(state, batch, key) -> (loss, grads)``, not jitted; grads is a tree like
        ``state.params``. Dropout is that of the step.

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
        >>> mesh = parallel.make_mesh(1)
        >>> params = {"encoder": np.ones((5, 4), np.float32)}
        >>> state = training.init_state(params, optax.sgd(0.1), mesh=mesh)
        >>> gradient = training.make_gradient(encode, loss, mesh=mesh)
        >>> value, grads = jax.jit(gradient)(state, batch, None)
        >>> float(value), grads["encoder"].shape
        (8.0, (5, 4))
    """
    if chunk_size is None:
        compute = gradients.value_and_grad(encode, loss)
    else:
        compute = gradients.cached_value_and_grad(encode, loss, chunk_size=chunk_size, mesh=mesh)

    def gradient(
        state: State, batch: PairBatch, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, ""], Params]:
        dropout_key = None if key is None else jax.random.fold_in(key, state.step)
        return compute(state.params, batch, dropout_key)

    return gradient
