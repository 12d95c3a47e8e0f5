"""What a step changes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int

from bscl_jax import parallel
from bscl_jax.types import Params


class State(NamedTuple):
    """Everything that training changes, and nothing else.

    Attributes:
        params: the parameters, ``{"encoder": {...}}`` and perhaps ``"log_temperature"``.
        opt_state: the optimizer's own.
        step: steps done, 0 before the first.
    """

    params: Params
    opt_state: Any
    step: Int[Array, ""]


def init_state(params: Params, optimizer: optax.GradientTransformation, *, mesh: Mesh) -> State:
    """Return the state before the first step, a copy of it on every device of the mesh.

    The step overwrites (donates) the state that it is given; as this is a copy, ``params`` itself
    stays usable.

    Args:
        params: where training starts.
        optimizer: from ``make_optimizer``, or any other of Optax.
        mesh: from ``parallel.make_mesh``.

    Example:
        >>> import numpy as np
        >>> import optax
        >>> from bscl_jax import parallel, training
        >>> params = {"encoder": {"bias": np.zeros(3, np.float32)}}
        >>> state = training.init_state(params, optax.sgd(0.1), mesh=parallel.make_mesh(1))
        >>> int(state.step)
        0
    """
    params = jax.tree.map(jnp.asarray, params)
    return parallel.replicate(State(params, optimizer.init(params), jnp.int32(0)), mesh)


def restart_optimizer(
    state: State, optimizer: optax.GradientTransformation, *, mesh: Mesh
) -> State:
    """Return the state with the optimizer's own begun anew; parameters and step go on.

    Args:
        state: where training stands.
        optimizer: the one that takes over.
        mesh: from ``parallel.make_mesh``.

    Example:
        >>> import numpy as np
        >>> import optax
        >>> from bscl_jax import parallel, training
        >>> params, mesh = {"encoder": {"bias": np.zeros(3, np.float32)}}, parallel.make_mesh(1)
        >>> state = training.init_state(params, optax.sgd(0.1), mesh=mesh)
        >>> state = state._replace(step=state.step + 7)
        >>> int(training.restart_optimizer(state, optax.adam(0.1), mesh=mesh).step)
        7
    """
    opt_state = parallel.replicate(optimizer.init(state.params), mesh)
    return state._replace(opt_state=opt_state)
