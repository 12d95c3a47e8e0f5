"""The norm of a gradient."""

from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def find_norm(gradient: Any) -> Float[Array, ""]:
    """Return the norm of all leaves together.

    On a GPU leaves of one shape are laid side by side first, within the sum itself: XLA sums each
    leaf by a kernel of its own, 103 in a step of MiniLM, most of which do little but begin.
    """
    if jax.default_backend() == "gpu":
        gradient = _stack(gradient)
    return optax.tree.norm(gradient)


def _stack(tree: Any) -> list[Array]:
    alike: defaultdict[Any, list[Array]] = defaultdict(list)
    for leaf in jax.tree.leaves(tree):
        alike[jnp.shape(leaf), jnp.result_type(leaf)].append(leaf)
    return [jnp.stack(leaves) for leaves in alike.values()]
