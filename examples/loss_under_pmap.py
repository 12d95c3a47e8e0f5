"""The loss under pmap: negatives come from all devices, gradients are reduced by pmean.

XLA_FLAGS=--xla_force_host_platform_device_count=4 python examples/loss_under_pmap.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bscl_jax import losses

BATCH, INPUTS, FEATURES = 32, 16, 8


def loss(
    params: dict, first: jax.Array, second: jax.Array, axis_name: str | None = None
) -> jax.Array:
    queries, targets = first @ params["weights"], second @ params["weights"]
    temperature = jnp.exp(params["log_temperature"])
    return losses.batch_softmax(queries, targets, temperature=temperature, axis_name=axis_name)


def step(params: dict, first: jax.Array, second: jax.Array) -> tuple[jax.Array, dict]:
    value, gradients = jax.value_and_grad(loss)(params, first, second, "devices")
    # The parameters are the same on all devices: pmean makes both those of the whole batch.
    return lax.pmean((value, gradients), "devices")


def main() -> None:
    devices = jax.device_count()
    random = np.random.default_rng(0)
    first = random.normal(size=(BATCH, INPUTS)).astype(np.float32)
    second = first + random.normal(size=first.shape).astype(np.float32)
    weights = random.normal(size=(INPUTS, FEATURES)).astype(np.float32)
    params = {"weights": weights, "log_temperature": np.log(np.float32(0.1))}

    split = (x.reshape(devices, -1, INPUTS) for x in (first, second))
    mapped = jax.pmap(step, axis_name="devices", in_axes=(None, 0, 0))
    value, gradients = jax.tree.map(lambda x: x[0], mapped(params, *split))
    whole_value, whole_gradients = jax.jit(jax.value_and_grad(loss))(params, first, second)

    difference = np.abs(gradients["weights"] - whole_gradients["weights"]).max()
    print(f"loss on {devices} devices: {value:.5f}")
    print(f"loss on one device: {whole_value:.5f}")
    print(f"largest gradient: {np.abs(whole_gradients['weights']).max():.1e}")
    print(f"largest difference of the gradients: {difference:.1e}")


if __name__ == "__main__":
    main()
