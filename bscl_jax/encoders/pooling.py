"""From hidden states to one embedding a text."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["POOLINGS", "pool"]

POOLINGS = ("mean", "cls", "max")
"""The ways to pool that ``pool`` knows."""


def pool(
    hidden: Float[Array, "b s d"], mask: Bool[Array, "b s"], pooling: str
) -> Float[Array, "b d"]:
    """Pool the hidden states of each text over its real tokens, in float32.

    Args:
        hidden: hidden states; what stands on padding has no effect.
        mask: True on real tokens, at least one a row.
        pooling: ``"mean"`` of the real tokens, ``"cls"`` the first real token, ``"max"`` of each
            feature over the real tokens.

    Returns:
        One embedding a text, float32, not normalized.

    Raises:
        ValueError: for an unknown pooling.

    Example:
        >>> import jax.numpy as jnp
        >>> hidden = jnp.array([[[1.0, 8.0], [3.0, 4.0], [99.0, 99.0]]])
        >>> mask = jnp.array([[True, True, False]])
        >>> pool(hidden, mask, "mean").tolist()
        [[2.0, 6.0]]
        >>> pool(hidden, mask, "max").tolist()
        [[3.0, 8.0]]
    """
    check_pooling(pooling)
    hidden = hidden.astype(jnp.float32)
    real = mask[:, :, None]
    if pooling == "cls":
        first = jnp.argmax(mask, axis=1)[:, None, None]
        return jnp.take_along_axis(hidden, first, axis=1)[:, 0]
    if pooling == "max":
        return jnp.where(real, hidden, -jnp.inf).max(axis=1)
    total = jnp.where(real, hidden, 0).sum(axis=1)
    return total / mask.sum(axis=1, keepdims=True, dtype=jnp.float32)


def check_pooling(pooling: str) -> None:
    """Raise ValueError, with the known ones, for a pooling that ``pool`` does not know."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; was {pooling!r}")
