"""The loss with a Flax NNX module: a small tower learns to match two noisy views of one vector.

python examples/loss_in_nnx.py
"""

import jax
import optax
from flax import nnx

from bscl_jax import losses

STEPS, BATCH, INPUTS, FEATURES, NOISE = 100, 64, 32, 16, 0.5


class Tower(nnx.Module):
    """Two dense layers."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(INPUTS, 2 * FEATURES, rngs=rngs)
        self.out = nnx.Linear(2 * FEATURES, FEATURES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Embeds the rows of ``x``."""
        return self.out(nnx.gelu(self.hidden(x)))


def make_pairs(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two views of the same vectors, each with noise of its own."""
    keys = jax.random.split(key, 3)
    vectors, *noise = (jax.random.normal(k, (BATCH, INPUTS)) for k in keys)
    return vectors + NOISE * noise[0], vectors + NOISE * noise[1]


def loss(tower: Tower, first: jax.Array, second: jax.Array) -> jax.Array:
    return losses.batch_softmax(tower(first), tower(second))


@nnx.jit
def step(tower: Tower, optimizer: nnx.Optimizer, key: jax.Array) -> None:
    optimizer.update(tower, nnx.grad(loss)(tower, *make_pairs(key)))


def main() -> None:
    tower = Tower(nnx.Rngs(0))
    optimizer = nnx.Optimizer(tower, optax.adam(1e-2), wrt=nnx.Param)
    pairs = make_pairs(jax.random.key(0))
    print(f"loss before training: {loss(tower, *pairs):.3f}")
    for key in jax.random.split(jax.random.key(2), STEPS):
        step(tower, optimizer, key)
    print(f"loss after {STEPS} steps: {loss(tower, *pairs):.3f}")


if __name__ == "__main__":
    main()
