"""The loss under shard_map: what is reduced depends on ``check_vma``, and on where grad stands.

Tiled, the targets go round the devices, and none of them holds all targets or a matrix of its own.

XLA_FLAGS=--xla_force_host_platform_device_count=4 python examples/loss_under_shard_map.py
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from bscl_jax import losses

BATCH, INPUTS, FEATURES = 32, 16, 8
WHOLE, SPLIT = PartitionSpec(), PartitionSpec("devices")


def loss(
    params: dict, first: jax.Array, second: jax.Array, axis_name: str | None = None
) -> jax.Array:
    queries, targets = first @ params["weights"], second @ params["weights"]
    return losses.batch_softmax(
        queries,
        targets,
        temperature=jnp.exp(params["log_temperature"]),
        implementation="dense" if axis_name is None else "tiled",
        axis_name=axis_name,
    )


def mean_loss(params: dict, first: jax.Array, second: jax.Array) -> jax.Array:
    return lax.pmean(loss(params, first, second, "devices"), "devices")


def checked(params: dict, first: jax.Array, second: jax.Array) -> dict:
    """check_vma=True: grad of the mean; reducing the gradients again would be wrong."""
    return jax.grad(mean_loss)(params, first, second)


def unchecked(params: dict, first: jax.Array, second: jax.Array) -> dict:
    """check_vma=False: grad of this device's loss, then the mean of the gradients."""
    return lax.pmean(jax.grad(loss)(params, first, second, "devices"), "devices")


def main() -> None:
    mesh = jax.make_mesh((jax.device_count(),), ("devices",), axis_types=(AxisType.Auto,))
    random = np.random.default_rng(0)
    first = random.normal(size=(BATCH, INPUTS)).astype(np.float32)
    second = first + random.normal(size=first.shape).astype(np.float32)
    weights = random.normal(size=(INPUTS, FEATURES)).astype(np.float32)
    params = {"weights": weights, "log_temperature": np.log(np.float32(0.1))}

    on_mesh = functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(WHOLE, SPLIT, SPLIT), out_specs=WHOLE
    )
    ways = {
        "grad outside shard_map": jax.grad(on_mesh(mean_loss)),
        "grad inside, check_vma=True": on_mesh(checked, check_vma=True),
        "grad inside, check_vma=False": on_mesh(unchecked, check_vma=False),
    }
    expected = jax.jit(jax.grad(loss))(params, first, second)["weights"]
    print(f"{mesh.size} devices; largest gradient on one device: {np.abs(expected).max():.1e}")
    for name, gradient in ways.items():
        found = jax.jit(gradient)(params, first, second)["weights"]
        print(f"{name}: largest difference {np.abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main()
