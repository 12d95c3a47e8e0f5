"""The loss with a Flax Linen module: a small tower learns to match two noisy views of one vector.

python examples/loss_in_linen.py
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from bscl_jax import losses

STEPS, BATCH, INPUTS, FEATURES, NOISE = 150, 64, 32, 16, 0.5


class Tower(nn.Module):
    """Two dense layers."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Embeds the rows of ``x``."""
        return nn.Dense(FEATURES)(nn.gelu(nn.Dense(2 * FEATURES)(x)))


def make_pairs(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two views of the same vectors, each with noise of its own."""
    vectors, first, second = random.normal(size=(3, BATCH, INPUTS)).astype(np.float32)
    return vectors + NOISE * first, vectors + NOISE * second


def main() -> None:
    random = np.random.default_rng(0)
    tower, optimizer = Tower(), optax.adam(1e-2)
    first, second = make_pairs(random)
    # One tower serves both sides; the temperature is trained as its logarithm, so it stays > 0.
    params = {
        "tower": jax.jit(tower.init)(jax.random.key(1), first),
        "log_temperature": np.log(np.float32(0.1)),
    }
    state = optimizer.init(params)

    @jax.jit
    def loss(params: dict, first: jax.Array, second: jax.Array) -> jax.Array:
        queries, targets = (tower.apply(params["tower"], x) for x in (first, second))
        return losses.batch_softmax(
            queries, targets, temperature=jnp.exp(params["log_temperature"])
        )

    @jax.jit
    def step(params: dict, state: optax.OptState, first: jax.Array, second: jax.Array) -> tuple:
        gradients = jax.grad(loss)(params, first, second)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, updates), state

    print(f"loss before training: {loss(params, first, second):.3f}")
    for _ in range(STEPS):
        params, state = step(params, state, *make_pairs(random))
    print(f"loss after {STEPS} steps: {loss(params, first, second):.3f}")
    print(f"temperature: {np.exp(params['log_temperature']):.3f}")


if __name__ == "__main__":
    main()
