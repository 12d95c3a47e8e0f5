"""Losses whose work the compiler cannot divide, divided over the devices by hand."""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from bscl_jax.parallel._mesh import AXIS

Loss = Callable[[Any, Array, Array, Any], Array]
"""``loss(params, queries "b d", targets "b d", batch) -> scalar``."""


def across(loss: Loss, mesh: Mesh) -> Loss:
    """Return the loss of the whole batch from a loss that a device computes for its own rows.

        across(loss)(params, q, t, batch) = 1/D Σ_k loss(params, q_k, t_k, batch_k)

    where q_k, t_k and batch_k are the rows of device k of D. The compiler divides products of
    whole arrays over a mesh by itself, but not a loop over their tiles: left alone, each device
    would run all of it.

    Args:
        loss: ``loss(params, queries "b d", targets "b d", batch) -> scalar``, the mean over the
            rows it is given; what it needs of other devices' rows it asks for by the axis name
            ``parallel.AXIS``, as ``losses.batch_softmax`` does with ``axis_name``.
        mesh: from ``make_mesh``; the number of rows is a multiple of its devices.

    Returns:
        A function of the same arguments, whole ones, to be called under ``jit``. Its gradients, be
        they of params or of embeddings, are those of the whole batch and need no reduction.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import parallel
        >>> loss = lambda params, queries, targets, batch: (queries * targets).sum(1).mean()
        >>> of_the_batch = parallel.across(loss, parallel.make_mesh(1))
        >>> float(of_the_batch({}, jnp.ones((4, 2)), jnp.ones((4, 2)), None))
        2.0
    """

    def of_all(params: Any, queries: Array, targets: Array, batch: Any) -> Array:
        return lax.pmean(loss(params, queries, targets, batch), AXIS)

    whole, rows = PartitionSpec(), PartitionSpec(AXIS)
    return jax.shard_map(of_all, mesh=mesh, in_specs=(whole, rows, rows, rows), out_specs=whole)
