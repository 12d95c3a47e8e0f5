"""The loss with a Flax NNX module: a small tower learns to match two noisy views of one vector.

python examples/loss_in_nnx.py
"""

import jax
import numpy as np
import optax
from flax import nnx

from bscl_jax import losses

STEPS, BATCH, INPUTS, FEATURES, NOISE = 150, 64, 32, 16, 0.5


class Tower(nnx.Module):
    """Two dense layers."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(INPUTS, 2 * FEATURES, rngs=rngs)
        self.out = nnx.Linear(2 * FEATURES, FEATURES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Embeds the rows of ``x``."""
        return self.out(nnx.gelu(self.hidden(x)))


def make_pairs(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two views of the same vectors, each with noise of its own."""
    vectors, first, second = random.normal(size=(3, BATCH, INPUTS)).astype(np.float32)
    return vectors + NOISE * first, vectors + NOISE * second


@nnx.jit
def loss(tower: Tower, first: jax.Array, second: jax.Array) -> jax.Array:
    return losses.batch_softmax(tower(first), tower(second))


@nnx.jit
def step(tower: Tower, optimizer: nnx.Optimizer, first: jax.Array, second: jax.Array) -> None:
    optimizer.update(tower, nnx.grad(loss)(tower, first, second))


def main() -> None:
    random = np.random.default_rng(0)
    tower = Tower(nnx.Rngs(0))
    optimizer = nnx.Optimizer(tower, optax.adam(1e-2), wrt=nnx.Param)
    pairs = make_pairs(random)
    print(f"loss before training: {loss(tower, *pairs):.3f}")
    for _ in range(STEPS):
        step(tower, optimizer, *make_pairs(random))
    print(f"loss after {STEPS} steps: {loss(tower, *pairs):.3f}")


if __name__ == "__main__":
    main()
