"""Rows encoded in two halves that need nothing of each other, for the two cores of a CPU."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from bscl_jax.gradients._towers import Encode
from bscl_jax.types import Params, TokenBatch

FEWEST_TOKENS = 1536
"""Fewer tokens are encoded as fast at once, and compiled faster."""


def in_halves(encode: Encode) -> Encode:
    """Encode the rows of a large batch in two halves.

    Each half is a chain of operations of its own, so XLA's CPU runtime has another to run where
    one is short of work for all cores, and activations are half as large, as caches like it:
    forward and backward pass of 4,000 tokens of all-MiniLM-L6-v2 take 4 to 8 % less time on two
    cores (docs/performance.md). What is computed is the same up to rounding.

    Args:
        encode: as for ``value_and_grad``, of rows that do not depend on each other.

    Returns:
        The same function, of batches of 1,536 tokens and more in halves.

    Example:
        >>> import jax, numpy as np
        >>> from bscl_jax import gradients
        >>> from bscl_jax.types import TokenBatch
        >>> encode = lambda params, tokens, dropout_key: params["table"][tokens.ids].mean(axis=1)
        >>> tokens = TokenBatch(np.arange(6144).reshape(3, 2048) % 5, np.ones((3, 2048), bool))
        >>> params = {"table": np.eye(5, dtype=np.float32)}
        >>> halves = gradients.in_halves(encode)(params, tokens, None)
        >>> np.allclose(halves, encode(params, tokens, None))
        True
    """

    def encode_in_halves(params: Params, tokens: TokenBatch, dropout_key: Array | None) -> Array:
        rows = len(tokens.ids)
        if rows < 2 or tokens.ids.size < FEWEST_TOKENS:
            return encode(params, tokens, dropout_key)
        middle = (rows + 1) // 2
        halves = [
            jax.tree.map(lambda leaf, part=part: leaf[part], (tokens, dropout_key))
            for part in (slice(middle), slice(middle, rows))
        ]
        return jnp.concatenate([encode(params, *half) for half in halves])

    return encode_in_halves
