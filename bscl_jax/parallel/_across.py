"""Losses whose work the compiler cannot divide, divided over the devices by hand."""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from bscl_jax.parallel._mesh import AXIS

Loss = Callable[..., Array]
"""``loss(params, queries "b d", targets "b d", batch) -> scalar``; extra candidates, "e d", may be
a fifth argument."""


def across(loss: Loss, mesh: Mesh) -> Loss:
    """Return the loss of the whole batch from a loss that a device computes for its own rows.

        across(loss)(params, q, t, batch) = 1/D Σ_k loss(params, q_k, t_k, batch_k)

    where q_k, t_k and batch_k are the rows of device k of D. The compiler divides products of
    whole arrays over a mesh by itself, but not a loop over their tiles: left alone, each device
    would run all of it.

    Args:
        loss: ``loss(params, queries "b d", targets "b d", batch) -> scalar``, the mean over the
            rows it is given; what it needs of other devices' rows it asks for by the axis name
            ``parallel.AXIS``, as ``losses.batch_softmax`` does with ``axis_name``. Embeddings of
            extra candidates, as a fifth argument, are split over the devices as the rows are.
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

    def of_all(params: Any, of_rows: tuple[Any, ...]) -> Array:
        return lax.pmean(loss(params, *of_rows), AXIS)

    whole, rows = PartitionSpec(), PartitionSpec(AXIS)
    mapped = jax.shard_map(of_all, mesh=mesh, in_specs=(whole, rows), out_specs=whole)
    return lambda params, *of_rows: mapped(params, of_rows)
