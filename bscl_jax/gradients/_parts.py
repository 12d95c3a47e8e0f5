"""Rows encoded in parts that need nothing of one another, for the cores of a CPU."""

from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array

from bscl_jax.gradients._towers import Encode
from bscl_jax.types import Params, TokenBatch

FEWEST_TOKENS = 1536
"""Fewer tokens are encoded as fast at once, and compiled faster."""

PART_TOKENS = 1024
"""A part has so many tokens or more."""

MOST_PARTS = 3
"""More gain little: each takes a third longer to compile than one."""


def in_parts(encode: Encode) -> Encode:
    """Encode the rows of a large batch in two or three parts.

    Each part is a chain of operations of its own, so XLA's CPU runtime has another to run where
    one is short of work for all cores, and activations are smaller, as caches like it: forward
    and backward pass of 4,000 tokens of all-MiniLM-L6-v2 take 8 % less time on two cores
    (docs/performance.md). What is computed is the same up to rounding.

    Args:
        encode: as for ``value_and_grad``, of rows that do not depend on each other.

    Returns:
        The same function; batches of 1,536 tokens and more are encoded in parts of 1,024 or so.

    Example:
        >>> import jax, numpy as np
        >>> from bscl_jax import gradients
        >>> from bscl_jax.types import TokenBatch
        >>> encode = lambda params, tokens, dropout_key: params["table"][tokens.ids].mean(axis=1)
        >>> tokens = TokenBatch(np.arange(6144).reshape(3, 2048) % 5, np.ones((3, 2048), bool))
        >>> params = {"table": np.eye(5, dtype=np.float32)}
        >>> parts = gradients.in_parts(encode)(params, tokens, None)
        >>> np.allclose(parts, encode(params, tokens, None))
        True
    """

    def encode_in_parts(params: Params, tokens: TokenBatch, dropout_key: Array | None) -> Array:
        rows, size = tokens.ids.shape[0], tokens.ids.size
        if rows < 2 or size < FEWEST_TOKENS:
            return encode(params, tokens, dropout_key)
        number = min(max(size // PART_TOKENS, 2), MOST_PARTS, rows)
        cuts = [-(-rows * part // number) for part in range(number + 1)]
        parts = [
            jax.tree.map(lambda leaf, part=part: leaf[slice(*part)], (tokens, dropout_key))
            for part in pairwise(cuts)
        ]
        return jnp.concatenate([encode(params, *part) for part in parts])

    return encode_in_parts
