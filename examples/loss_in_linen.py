"""The loss with a Flax Linen module: a small tower learns to match two noisy views of one vector.

python examples/loss_in_linen.py
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from bscl_jax import losses

STEPS, BATCH, INPUTS, FEATURES, NOISE = 100, 64, 32, 16, 0.5


class Tower(nn.Module):
    """Two dense layers."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Embeds the rows of ``x``."""
        return nn.Dense(FEATURES)(nn.gelu(nn.Dense(2 * FEATURES)(x)))


def make_pairs(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two views of the same vectors, each with noise of its own."""
    keys = jax.random.split(key, 3)
    vectors, *noise = (jax.random.normal(k, (BATCH, INPUTS)) for k in keys)
    return vectors + NOISE * noise[0], vectors + NOISE * noise[1]


def main() -> None:
    tower, optimizer = Tower(), optax.adam(1e-2)
    first, second = make_pairs(jax.random.key(0))
    # One tower serves both sides; the temperature is trained as its logarithm, so it stays > 0.
    params = {"tower": tower.init(jax.random.key(1), first), "log_temperature": jnp.log(0.1)}
    state = optimizer.init(params)

    def loss(params: dict, first: jax.Array, second: jax.Array) -> jax.Array:
        queries, targets = (tower.apply(params["tower"], x) for x in (first, second))
        return losses.batch_softmax(
            queries, targets, temperature=jnp.exp(params["log_temperature"])
        )

    @jax.jit
    def step(params: dict, state: optax.OptState, key: jax.Array) -> tuple:
        value, gradients = jax.value_and_grad(loss)(params, *make_pairs(key))
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, updates), state, value

    print(f"loss before training: {loss(params, first, second):.3f}")
    for key in jax.random.split(jax.random.key(2), STEPS):
        params, state, _ = step(params, state, key)
    print(f"loss after {STEPS} steps: {loss(params, first, second):.3f}")
    print(f"temperature: {jnp.exp(params['log_temperature']):.3f}")


if __name__ == "__main__":
    main()
