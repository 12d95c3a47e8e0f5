"""The two towers: which function encodes which texts, and with which random keys."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from bscl_jax.types import PairBatch, Params, TokenBatch

Encode = Callable[[Params, TokenBatch, Any], Array]
"""``encode(params, tokens, dropout_key) -> "b d"``; the key is None (no dropout) or b row keys."""

Loss = Callable[[Params, Array, Array, PairBatch], Array]
"""``loss(params, queries "b d", targets "b d", batch) -> scalar``."""

Side = tuple[TokenBatch, Any]
"""The texts of one tower and their row keys, or None."""

Towers = Callable[[Params, Side, Side], tuple[Array, Array]]
"""``towers(params, queries, targets) -> ("b d", "b d")``."""

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


def tower_keys(
    key: Key[Array, ""] | None, num_rows: int
) -> tuple[Key[Array, " b"], Key[Array, " b"]] | tuple[None, None]:
    """Return the row keys of the queries and, different ones, of the targets; no key gives none."""
    if key is None:
        return None, None
    query_key, target_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    return row_keys(query_key, num_rows), row_keys(target_key, num_rows)


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
    """Return one function that encodes both sides of a batch."""

    def towers(params: Params, queries: Side, targets: Side) -> tuple[Array, Array]:
        return encode_queries(params, *queries), encode_targets(params, *targets)

    return towers


def value_and_grad_of_towers(towers: Towers, loss: Loss) -> ValueAndGrad:
    """Return the gradient of the loss with respect to everything in ``params``, loss's own too."""

    def total(params: Params, batch: PairBatch, key: Key[Array, ""] | None) -> Float[Array, ""]:
        query_keys, target_keys = tower_keys(key, batch.queries.ids.shape[0])
        sides = (batch.queries, query_keys), (batch.targets, target_keys)
        return loss(params, *towers(params, *sides), batch)

    return jax.value_and_grad(total)
