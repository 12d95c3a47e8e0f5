"""The two towers: which function encodes which texts, and with which random keys."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from bscl_jax.types import PairBatch, Params, TokenBatch

Encode = Callable[[Params, TokenBatch, Any], Array]
"""``encode(params, tokens, dropout_key) -> "b d"``; the key is None (no dropout) or b row keys.
Of packed tokens the result is ``"r k d"``."""

Loss = Callable[..., Array]
"""``loss(params, queries "b d", targets "b d", batch) -> scalar``. Where the batch has extra
candidates their embeddings, "e d", are a fifth argument."""

Side = tuple[TokenBatch, Any]
"""The texts of one tower and their row keys, or None."""

Towers = Callable[[Params, tuple[Side, ...]], tuple[Array, ...]]
"""``towers(params, (queries, targets)) -> ("b d", "b d")``; extra candidates come third."""

ValueAndGrad = Callable[[Params, PairBatch, Any], tuple[Array, Params]]
"""``(params, batch, key) -> (loss, grads)``; grads is a tree like params."""


def row_keys(key: Key[Array, ""], num_rows: int) -> Key[Array, " b"]:
    """Return one dropout key per row: a function of the key and the row's position alone.

    Row i has the same key whatever the batch size, the chunk or the device it is computed on;
    this is what makes the cached gradient, and that of many devices, equal to the plain one.

    Args:
        key: a typed key, from ``jax.random.key``.
        num_rows: b, the rows of the batch.

    Returns:
        The b keys.

    Example:
        >>> import jax
        >>> from bscl_jax import gradients
        >>> bool((gradients.row_keys(jax.random.key(0), 8)[:4]
        ...       == gradients.row_keys(jax.random.key(0), 4)).all())
        True
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(num_rows))


def sides_of(batch: PairBatch, key: Key[Array, ""] | None) -> tuple[Side, ...]:
    """Return the texts of a batch side by side, and for each side row keys that no other has.

    A packed batch has one side.
    """
    packed = batch.packed is not None
    texts = [batch.packed] if packed else [batch.queries, batch.targets, batch.extras]
    texts = [tokens for tokens in texts if tokens is not None]
    if key is None:
        return tuple((tokens, None) for tokens in texts)
    return tuple(
        (tokens, row_keys(jax.random.fold_in(key, side), tokens.ids.shape[0]))
        for side, tokens in enumerate(texts)
    )


def two_towers(encode: Any) -> tuple[Encode, Encode]:
    """Return the query and the target tower: one shared function, or the two that were given."""
    towers = encode if isinstance(encode, tuple) else (encode, encode)
    if len(towers) == 2 and all(map(callable, towers)):
        return towers
    raise TypeError(
        "encode must be a function (params, tokens, dropout_key) -> embeddings, or a tuple of two "
        f"(queries, targets), got {encode!r}"
    )


def side_by_side(encode_queries: Encode, encode_targets: Encode) -> Towers:
    """Return one function that encodes all sides of a batch; extras are encoded as targets are.

    It raises TypeError where a packed batch meets two towers.
    """

    def towers(params: Params, sides: tuple[Side, ...]) -> tuple[Array, ...]:
        queries, *others = sides
        if not others and encode_queries is not encode_targets:
            raise TypeError(
                "the rows of a packed batch hold queries and targets, which two towers cannot "
                "share; give one encode, or batches that are not packed"
            )
        encoded = (encode_targets(params, *side) for side in others)
        return encode_queries(params, *queries), *encoded

    return towers


def value_and_grad_of_towers(towers: Towers, loss: Loss) -> ValueAndGrad:
    """Return the gradient of the loss with respect to everything in ``params``, loss's own too."""

    def total(params: Params, batch: PairBatch, key: Key[Array, ""] | None) -> Float[Array, ""]:
        encoded = towers(params, sides_of(batch, key))
        if batch.packed is not None:
            encoded = unpacked(batch, *encoded)
        queries, targets, *extras = encoded
        return loss(params, queries, targets, batch, *extras)

    return jax.value_and_grad(total)


def unpacked(batch: PairBatch, embeddings: Float[Array, "r k d"]) -> tuple[Array, ...]:
    """Return the embeddings of queries, targets and, where there are any, extras."""
    flat = embeddings.reshape(-1, embeddings.shape[-1])
    sides = (batch.queries, batch.targets, batch.extras)
    return tuple(flat[places] for places in sides if places is not None)
