"""Attention of all families: scaled dot products, a bias where a family has one, dropout."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

from bscl_jax.encoders._dropout import count_dropped, drop, make_words
from bscl_jax.encoders._kernels import AUTO, KINDS, wants_kernels
from bscl_jax.encoders._products import multiply


def check_attention(kind: str) -> None:
    """Raise ValueError, with the known ones, for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f"attention must be one of {', '.join(KINDS)}, was {kind!r}")


RowKeys = Key[Array, " b"] | None
"""One dropout key per row; None for no dropout."""


Linear = tuple[Float[Array, "d e"], Float[Array, " e"]]
"""Kernel and bias of a linear map."""


def split_heads(
    values: Float[Array, "tokens d"], allowed: Bool[Array, "b 1 #s s"], num_heads: int
) -> Float[Array, "b s h f"]:
    """Return flattened vectors by row, token and head."""
    return values.reshape(allowed.shape[0], allowed.shape[-1], num_heads, -1)


def attend(
    query: Float[Array, "b s h f"],
    key: Float[Array, "b s h f"],
    value: Float[Array, "b s h f"],
    allowed: Bool[Array, "b 1 #s s"],
    row_keys: RowKeys,
    site: int | UInt32[Array, ""],
    rate: float,
    bias: Float[Array, "#b h s s"] | None = None,
    *,
    scale: float | None = None,
    kind: str = AUTO,
) -> Float[Array, "b s h f"]:
    """Scaled dot-product attention where it is allowed, softmax in float32.

    Plain attention writes the probabilities out; the fused one does not, and drops the same.

    Args:
        query: a vector for each token that asks.
        key: a vector for each token that is asked.
        value: what an asked token gives.
        allowed: True where a token (third axis) may ask another (fourth); one that may ask none
            gets the mean of all.
        row_keys: dropout keys.
        site: number of the place in the model.
        rate: dropout rate of the probabilities, in [0, 1).
        bias: added to the scaled dot products.
        scale: what the dot products are multiplied with; None for 1 / sqrt(f).
        kind: one of ``KINDS``; what the kernel cannot do is plain.

    Returns:
        The mixed values.
    """
    if bias is None and _fuses(kind, query.shape[1], query.shape[-1], query.dtype):
        packed = jnp.stack([query, key, value], axis=2)
        return _fused(packed, allowed, row_keys, site, rate, scale)
    if row_keys is None or rate == 0:
        return jax.nn.dot_product_attention(query, key, value, bias=bias, mask=allowed, scale=scale)
    logits = jnp.einsum("bqhf,bkhf->bhqk", query, key, preferred_element_type=jnp.float32)
    logits = logits / query.shape[-1] ** 0.5 if scale is None else logits * scale
    if bias is not None:
        logits = logits + bias
    logits = jnp.where(allowed, logits, jnp.finfo(jnp.float32).min)
    probabilities = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
    probabilities = drop(probabilities, row_keys, site, rate)
    return jnp.einsum("bhqk,bkhf->bqhf", probabilities, value)


def attend_to_itself(
    hidden: Float[Array, "tokens d"],
    maps: Sequence[Linear],
    allowed: Bool[Array, "b 1 #s s"],
    num_heads: int,
    row_keys: RowKeys,
    site: int | UInt32[Array, ""],
    rate: float,
    bias: Float[Array, "#b h s s"] | None = None,
    *,
    kind: str = AUTO,
) -> Float[Array, "tokens e"]:
    """Attention whose queries, keys and values are linear in the same hidden states.

    The kernel is given one product of all three maps as it comes.

    Args:
        hidden: flattened hidden states.
        maps: to queries, keys and values, e features each.
        allowed: see ``attend``.
        num_heads: heads, among which the features are divided.
        row_keys: see ``attend``, as for the rest.
        site: number of the place in the model.
        rate: dropout rate of the probabilities, in [0, 1).
        bias: added to the scaled dot products.
        kind: one of ``KINDS``; what the kernel cannot do is plain.

    Returns:
        The mixed values, flattened.
    """
    rows, length = allowed.shape[0], allowed.shape[-1]
    size = maps[0][0].shape[1]
    if bias is None and _fuses(kind, length, size // num_heads, hidden.dtype):
        kernel, shift = (jnp.concatenate(parts, axis=-1) for parts in zip(*maps, strict=True))
        packed = (multiply(hidden, kernel) + shift).reshape(rows, length, 3, num_heads, -1)
        mixed = _fused(packed, allowed, row_keys, site, rate, None)
    else:
        query, key, value = (
            split_heads(multiply(hidden, kernel) + shift, allowed, num_heads)
            for kernel, shift in maps
        )
        mixed = attend(query, key, value, allowed, row_keys, site, rate, bias, kind="plain")
    return mixed.reshape(hidden.shape[0], size)


def _fuses(kind: str, num_tokens: Any, num_features: int, dtype: Any) -> bool:
    if not wants_kernels(kind):
        return False
    from bscl_jax.encoders._fused_attention import fits

    return fits(num_tokens, num_features, dtype)


def _fused(
    packed: Float[Array, "b s 3 h f"],
    allowed: Bool[Array, "b 1 #s s"],
    row_keys: RowKeys,
    site: int | UInt32[Array, ""],
    rate: float,
    scale: float | None,
) -> Float[Array, "b s h f"]:
    from bscl_jax.encoders._fused_attention import fused_attention

    words = None if row_keys is None else make_words(row_keys, site)
    dropped = count_dropped(rate)
    return fused_attention(packed, allowed, words, scale=scale, dropped=dropped)
