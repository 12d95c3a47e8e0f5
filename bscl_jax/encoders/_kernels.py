"""What the kernels for GPUs share: where they run, and rows that several devices share.

They are written in Pallas for Triton, which JAX 0.11 still has and calls deprecated: where it is
gone, or a device cannot run them, XLA does the same from ordinary operations.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Int32

AUTO = "auto"
KINDS = (AUTO, "plain", "fused")
"""By operations that XLA compiles, or in kernels of our own, which are for GPUs."""


def wants_kernels(kind: str) -> bool:
    """Whether what is traced now is to be done in kernels, where they can do it."""
    return kind == "fused" or (kind == AUTO and runs_kernels(_device()))


def _device() -> Any:
    chosen = getattr(jax.config, "jax_default_device", None)
    return chosen if isinstance(chosen, jax.Device) else jax.devices()[0]


@cache
def runs_kernels(device: Any) -> bool:
    """Whether it is a GPU of NVIDIA's since Ampere, and this JAX still has what compiles for it."""
    try:
        capability = float(getattr(device, "compute_capability", 0))
    except ValueError:  # another maker's
        return False
    return capability >= 8 and find_spec("jax.experimental.pallas.triton") is not None


def interprets() -> bool:
    """Whether kernels run as ordinary operations here, which is slow, and for tests."""
    return jax.default_backend() != "gpu"


def count(shape: tuple[int, ...], axis: int) -> Int32[Array, "..."]:
    """Inside a kernel: the index along an axis, for every place of a shape."""
    return jax.lax.broadcasted_iota(jnp.int32, shape, axis)


def over_rows(
    call: Callable[..., Any], given: Sequence[str], results: Sequence[str], *arrays: Array
) -> Any:
    """Call what runs a kernel; devices that share a batch each do their own rows.

    Args:
        call: the arrays → one result, or a tuple of them.
        given: names of the axes of each array. Where the first is ``b``, it is the rows that the
            devices share; other arrays every device has whole.
        results: the same of each result, all of which have rows.
        arrays: the arrays.
    """
    if jax.device_count() == 1:
        return call(*arrays)
    shared = custom_partitioning(call)

    def partition(mesh: Any, arguments: Any, found: Any) -> Any:
        rows = NamedSharding(mesh, PartitionSpec(*arguments[0].sharding.spec[:1]))
        whole = NamedSharding(mesh, PartitionSpec())
        placed = tuple(rows if axes.startswith("b ") else whole for axes in given)
        one = len(results) == 1
        return mesh, call, rows if one else (rows,) * len(results), placed

    rule = f"{', '.join(given)} -> {', '.join(results)}"
    shared.def_partition(partition=partition, sharding_rule=rule)
    return sequential_vmap(shared)(*arrays)  # what is shared has no rule of its own for vmap
