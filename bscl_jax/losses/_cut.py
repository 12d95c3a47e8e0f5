"""Many rows, some at a time."""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

Tree = TypeVar("Tree")


class Blocks(NamedTuple):
    """``rows`` rows in ``number`` blocks of ``size``.

    The last block ends with the last row, and so may begin with rows of the block before, which are
    stale there: padding would copy the embeddings.
    """

    rows: int
    size: int
    number: int

    def take(self, tree: Tree, i: Int[Array, ""]) -> Tree:
        """Returns block i of each array."""
        return jax.tree.map(lambda x: lax.dynamic_slice_in_dim(x, self._start(i), self.size), tree)

    def put(self, tree: Tree, block: Tree, i: Int[Array, ""]) -> Tree:
        """Returns the arrays with block i replaced."""
        return jax.tree.map(
            lambda x, y: lax.dynamic_update_slice_in_dim(x, y, self._start(i), axis=0), tree, block
        )

    def fresh(self, i: Int[Array, ""]) -> Bool[Array, " size"] | None:
        """Marks the rows of block i that no block before had; None = all."""
        if self.size * self.number == self.rows:
            return None
        return self._start(i) + jnp.arange(self.size) >= i * self.size

    def _start(self, i: Int[Array, ""]) -> Int[Array, ""]:
        return jnp.minimum(i * self.size, self.rows - self.size)


def cut(rows: int, most: int) -> Blocks:
    """Cuts into blocks of at most ``most`` rows, as equal as can be."""
    number = -(-rows // most)
    return Blocks(rows, -(-rows // number), number)
