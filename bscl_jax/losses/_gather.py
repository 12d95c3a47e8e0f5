"""The collectives: what one device needs to know of the whole batch."""

import functools
import operator
from collections.abc import Hashable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Shaped

Tree = TypeVar("Tree")


def gather(rows: Shaped[Array, "b ..."], axis_name: Hashable | None) -> Shaped[Array, "w ..."]:
    """Returns the rows of all devices, in the order of the devices; without an axis, ``rows``.

    The transpose of a gather is a sum that is scattered back, so that every row's gradient holds
    what all devices' losses ask of it.
    """
    if axis_name is None:
        return rows
    return lax.all_gather(rows, axis_name, tiled=True)


def exchange(parts: Float[Array, " w"], axis_name: Hashable | None) -> Float[Array, "devices b"]:
    """Hands each device what all devices hold about its own rows.

    Args:
        parts: one number for each row of the whole batch.
        axis_name: the axis of the devices, or None.

    Returns:
        One row a device: its numbers for this device's own rows.
    """
    if axis_name is None:
        return parts[jnp.newaxis]
    pieces = parts.reshape(lax.axis_size(axis_name), -1)
    return lax.all_to_all(pieces, axis_name, split_axis=0, concat_axis=0, tiled=True)


def positions(b: int, axis_name: Hashable | None) -> Int[Array, " b"]:
    """Returns where this device's ``b`` rows stand in the whole batch."""
    first = 0 if axis_name is None else lax.axis_index(axis_name) * b
    return first + jnp.arange(b, dtype=jnp.int32)


def pass_on(block: Tree, axis_name: Hashable, *, by: int = 1) -> Tree:
    """Hands each device's block to the device ``by`` places further round the ring.

    Issue it before the work on the block that is here: the two do not depend on each other, and
    accelerators send while they compute.
    """
    devices = lax.axis_size(axis_name)
    ring = [(sender, (sender + by) % devices) for sender in range(devices)]
    return lax.ppermute(block, axis_name, ring)


def varying_as(tree: Tree, *others: Any) -> Tree:
    """Returns arrays that differ between the devices of a ``shard_map`` if the others do.

    A loop may not change whether what it carries differs, and what it starts with is a constant.
    The public ways to say so are new with every release of jax: the arrays are made to depend on
    the others, in a way that changes nothing.
    """
    firsts = [leaf[(0,) * leaf.ndim] for leaf in jax.tree.leaves(others) if leaf.size]
    never = functools.reduce(operator.or_, [(x < 0) & (x > 0) for x in firsts])
    return jax.tree.map(lambda x: jnp.where(never, jnp.ones_like(x), x), tree)
