"""From hidden states to one embedding a text."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

__all__ = ["POOLINGS", "pool"]

POOLINGS = ("mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
"""The ways to pool that ``pool`` knows, by their names in sentence-transformers."""

Pooling = str | tuple[str, ...]
"""One way to pool, or several whose results are concatenated in this order."""

_Hidden = Float[Array, "b s d"]
_Mask = Bool[Array, "b s"]
_Embeddings = Float[Array, "b d"]


def pool(
    hidden: _Hidden,
    mask: _Mask,
    pooling: Pooling,
    *,
    prompt_length: int | Int[Array, ""] = 0,
) -> Float[Array, "b _"]:
    """Pool the hidden states of each text over its real tokens, in float32.

    Args:
        hidden: hidden states; what stands on padding has no effect.
        mask: True on real tokens, at least one a row.
        pooling: ``"mean"`` of the real tokens; ``"cls"`` the first; ``"lasttoken"`` the last;
            ``"max"`` of each feature; ``"mean_sqrt_len_tokens"`` their sum over the root of their
            number; ``"weightedmean"`` with the weights 1, 2, 3, … by position. A tuple
            concatenates several.
        prompt_length: tokens at the beginning of each text that are left out; positions still
            count from the text's first token, and the last one is never left out.

    Returns:
        One embedding a text, float32, not normalized; d features for each way to pool.

    Raises:
        ValueError: for an unknown pooling.

    Example:
        >>> import jax.numpy as jnp
        >>> hidden = jnp.array([[[1.0, 8.0], [3.0, 4.0], [99.0, 99.0]]])
        >>> mask = jnp.array([[True, True, False]])
        >>> pool(hidden, mask, "mean").tolist()
        [[2.0, 6.0]]
        >>> pool(hidden, mask, ("cls", "max")).tolist()
        [[1.0, 8.0, 3.0, 8.0]]
    """
    hidden = jnp.where(mask[:, :, None], hidden, 0)
    return pool_finite(hidden, mask, pooling, prompt_length=prompt_length)


def pool_finite(
    hidden: _Hidden,
    mask: _Mask,
    pooling: Pooling,
    *,
    prompt_length: int | Int[Array, ""] = 0,
) -> Float[Array, "b _"]:
    """``pool`` of hidden states that are finite on padding too.

    The sums are products with the mask: those of several texts in the same rows read the rows once
    and their gradient is written once, however many texts there are.
    """
    check_pooling(pooling)
    hidden = hidden.astype(jnp.float32)
    counted = _without_prompt(mask, prompt_length)
    parts = [_WAYS[way](hidden, counted, mask) for way in ways(pooling)]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)


def ways(pooling: Pooling) -> tuple[str, ...]:
    """The ways to pool, one or several, as a tuple."""
    return (pooling,) if isinstance(pooling, str) else pooling


def check_pooling(pooling: Pooling) -> None:
    """Raise ValueError, with the known ones, for a pooling that ``pool`` does not know."""
    unknown = [way for way in ways(pooling) if way not in POOLINGS]
    if unknown or not pooling:
        was = ", ".join(map(repr, unknown)) or "empty"
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, or several; was {was}")


def _without_prompt(mask: _Mask, prompt_length: int | Int[Array, ""]) -> _Mask:
    if isinstance(prompt_length, int) and prompt_length == 0:
        return mask
    is_last = jnp.arange(mask.shape[1]) == _last(mask)[:, None]
    return mask & ((_positions(mask) >= prompt_length) | is_last)


def _positions(mask: _Mask) -> Int[Array, "b s"]:
    """Position of each token in its text, the first real one 0, whatever side the padding is on."""
    return jnp.arange(mask.shape[1]) - jnp.argmax(mask, axis=1)[:, None]


def _last(mask: _Mask) -> Int[Array, " b"]:
    return mask.shape[1] - 1 - jnp.argmax(mask[:, ::-1], axis=1)


def _take(hidden: _Hidden, position: Int[Array, " b"]) -> _Embeddings:
    return jnp.take_along_axis(hidden, position[:, None, None], axis=1)[:, 0]


def _cls(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    return _take(hidden, jnp.argmax(counted, axis=1))


def _last_token(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    return _take(hidden, _last(mask))


def _max(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    return jnp.where(counted[:, :, None], hidden, -jnp.inf).max(axis=1)


def _sum(hidden: _Hidden, weights: Float[Array, "b s"] | _Mask) -> _Embeddings:
    weights = weights.astype(jnp.float32)
    return jnp.einsum("bs,bsd->bd", weights, hidden, precision=jax.lax.Precision.HIGHEST)


def _mean(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    return _sum(hidden, counted) / counted.sum(axis=1, keepdims=True, dtype=jnp.float32)


def _mean_sqrt(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    number = counted.sum(axis=1, keepdims=True, dtype=jnp.float32)
    return _sum(hidden, counted) / jnp.sqrt(number)


def _weighted_mean(hidden: _Hidden, counted: _Mask, mask: _Mask) -> _Embeddings:
    weights = jnp.where(counted, _positions(mask) + 1, 0).astype(jnp.float32)
    return _sum(hidden, weights / weights.sum(axis=1, keepdims=True))


_WAYS: dict[str, Callable[[_Hidden, _Mask, _Mask], _Embeddings]] = {
    "mean": _mean,
    "cls": _cls,
    "max": _max,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last_token,
}
