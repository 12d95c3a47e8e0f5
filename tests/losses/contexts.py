"""The places a loss is called from, each with the reduction that is right for it.

Every context takes ``loss(rows, shared, fixed, axis_name)``: ``rows`` and ``fixed`` are dicts of
arrays that are split over the devices (only ``rows`` is differentiated), ``shared`` is a scalar
that all devices hold alike. It returns the loss of the whole batch and its gradients with respect
to ``rows`` and ``shared``.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

Loss = Callable[[Any, Any, Any, Any], jax.Array]
Result = tuple[jax.Array, tuple[Any, jax.Array]]
SPLIT, WHOLE = PartitionSpec("devices"), PartitionSpec()


def make_mesh(devices: int) -> jax.sharding.Mesh:
    return jax.make_mesh(
        (devices,), ("devices",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices]
    )


def compiled(call: Callable[..., Any]) -> Callable[..., Any]:
    """``jit``; in float64, where algebra is held and no digits of XLA's, what compiles soonest."""
    return jax.jit(
        call, compiler_options={"xla_cpu_use_fusion_emitters": not jax.config.jax_enable_x64}
    )


def value_and_grad(loss: Loss, axis_name: str | None) -> Callable[..., Result]:
    return jax.value_and_grad(lambda *arguments: loss(*arguments, axis_name), argnums=(0, 1))


def eager(loss: Loss, devices: int, *batch: Any) -> Result:
    return value_and_grad(loss, None)(*batch)


def jit(loss: Loss, devices: int, *batch: Any) -> Result:
    return compiled(value_and_grad(loss, None))(*batch)


def jit_sharded(loss: Loss, devices: int, rows: Any, shared: Any, fixed: Any) -> Result:
    mesh = make_mesh(devices)
    split, whole = NamedSharding(mesh, SPLIT), NamedSharding(mesh, WHOLE)
    placed = jax.device_put((rows, shared, fixed), (split, whole, split))
    return compiled(value_and_grad(loss, None))(*placed)


def grad_outside_shard_map(loss: Loss, devices: int, *batch: Any) -> Result:
    def mean_of_devices(rows: Any, shared: Any, fixed: Any) -> jax.Array:
        return lax.pmean(loss(rows, shared, fixed, "devices"), "devices")

    mapped = jax.shard_map(
        mean_of_devices,
        mesh=make_mesh(devices),
        in_specs=(SPLIT, WHOLE, SPLIT),
        out_specs=WHOLE,
    )
    return compiled(jax.value_and_grad(mapped, argnums=(0, 1)))(*batch)


def shard_map_checked(loss: Loss, devices: int, *batch: Any) -> Result:
    def step(rows: Any, shared: Any, fixed: Any) -> Result:
        def mean_of_devices(rows: Any, shared: Any) -> jax.Array:
            return lax.pmean(loss(rows, shared, fixed, "devices"), "devices")

        return jax.value_and_grad(mean_of_devices, argnums=(0, 1))(rows, shared)

    mapped = jax.shard_map(
        step,
        mesh=make_mesh(devices),
        in_specs=(SPLIT, WHOLE, SPLIT),
        out_specs=(WHOLE, (SPLIT, WHOLE)),
        check_vma=True,
    )
    return compiled(mapped)(*batch)


def reduced_step(loss: Loss) -> Callable[..., Result]:
    """``grad`` of this device's loss, then ``pmean``: for pmap, vmap, and check_vma=False."""

    def step(rows: Any, shared: Any, fixed: Any) -> Result:
        value, (of_rows, of_shared) = value_and_grad(loss, "devices")(rows, shared, fixed)
        devices = lax.axis_size("devices")
        of_rows = jax.tree.map(lambda gradient: gradient / devices, of_rows)
        return lax.pmean(value, "devices"), (of_rows, lax.pmean(of_shared, "devices"))

    return step


def shard_map_unchecked(loss: Loss, devices: int, *batch: Any) -> Result:
    mapped = jax.shard_map(
        reduced_step(loss),
        mesh=make_mesh(devices),
        in_specs=(SPLIT, WHOLE, SPLIT),
        out_specs=(WHOLE, (SPLIT, WHOLE)),
        check_vma=False,
    )
    return compiled(mapped)(*batch)


def by_leading_axis(mapped: Callable[..., Result], devices: int, *batch: Any) -> Result:
    def split(tree: Any) -> Any:
        return jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), tree)

    rows, shared, fixed = batch
    value, (of_rows, of_shared) = mapped(split(rows), shared, split(fixed))
    of_rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), of_rows)
    return value[0], (of_rows, of_shared[0])


def pmap(loss: Loss, devices: int, *batch: Any) -> Result:
    mapped = jax.pmap(
        reduced_step(loss),
        axis_name="devices",
        in_axes=(0, None, 0),
        devices=jax.devices()[:devices],
    )
    return by_leading_axis(mapped, devices, *batch)


def vmap(loss: Loss, devices: int, *batch: Any) -> Result:
    mapped = compiled(jax.vmap(reduced_step(loss), axis_name="devices", in_axes=(0, None, 0)))
    return by_leading_axis(mapped, devices, *batch)


ON_ONE_DEVICE = {"eager": eager, "jit": jit}
ON_MANY_DEVICES = {
    "jit_sharded": jit_sharded,
    "grad_outside_shard_map": grad_outside_shard_map,
    "shard_map_checked": shard_map_checked,
    "shard_map_unchecked": shard_map_unchecked,
    "pmap": pmap,
    "vmap": vmap,
}
