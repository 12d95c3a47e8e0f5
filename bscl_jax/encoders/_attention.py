"""Attention of all families: scaled dot products, a bias where a family has one, dropout."""

from functools import cache
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

from bscl_jax.encoders._dropout import count_dropped, drop, make_words

AUTO = "auto"
ATTENTIONS = (AUTO, "plain", "fused")
"""How attention is computed: by products that XLA compiles, or in one kernel, which is for GPUs."""


def check_attention(kind: str) -> None:
    """Raise ValueError, with the known ones, for an unknown kind."""
    if kind not in ATTENTIONS:
        raise ValueError(f"attention must be one of {', '.join(ATTENTIONS)}, was {kind!r}")


RowKeys = Key[Array, " b"] | None
"""One dropout key per row; None for no dropout."""


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
        kind: one of ``ATTENTIONS``; what the kernel cannot do is plain.

    Returns:
        The mixed values.
    """
    if bias is None and _fuses(kind, query):
        from bscl_jax.encoders._fused_attention import fused_attention

        words = None if row_keys is None else make_words(row_keys, site)
        dropped = count_dropped(rate)
        return fused_attention(query, key, value, allowed, words, scale=scale, dropped=dropped)
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


@cache
def runs_kernel(device: Any) -> bool:
    """Whether it is a GPU of NVIDIA's since Ampere, and this JAX still has what compiles for it."""
    try:
        capability = float(getattr(device, "compute_capability", 0))
    except ValueError:  # another maker's
        return False
    return capability >= 8 and find_spec("jax.experimental.pallas.triton") is not None


def _fuses(kind: str, query: Float[Array, "b s h f"]) -> bool:
    chosen = getattr(jax.config, "jax_default_device", None)
    device = chosen if isinstance(chosen, jax.Device) else jax.devices()[0]
    if kind == "plain" or (kind == AUTO and not runs_kernel(device)):
        return False
    from bscl_jax.encoders._fused_attention import fits

    return fits(query)
