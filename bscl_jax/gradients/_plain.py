"""The gradient with the whole batch in memory."""

from bscl_jax.gradients._towers import (
    Encode,
    Loss,
    ValueAndGrad,
    side_by_side,
    two_towers,
    value_and_grad_of_towers,
)


def value_and_grad(encode: Encode | tuple[Encode, Encode], loss: Loss) -> ValueAndGrad:
    """Return a function that computes a batch's loss and its gradient.

    Both towers are encoded with dropout of their own: row i of the queries and row i of the
    targets draw from different keys, which depend on the key and on i only. Extra candidates
    (``batch.extras``, hard negatives) are encoded as the targets are, with keys of their own.

    Args:
        encode: ``encode(params, tokens, dropout_key) -> "b d"``, pure; dropout_key is None or b
            keys. A tuple of two encodes the queries with the first, the targets with the second
            (untied towers, each reading its own part of params).
        loss: ``loss(params, queries "b d", targets "b d", batch) -> scalar``; what it reads of
            params, a temperature for instance, is differentiated too. Where the batch has extra
            candidates, their embeddings "e d" are a fifth argument.

    Returns:
        ``(params, batch, key) -> (loss, grads)``, to be called under ``jit``: grads has the shapes
        of params; key is one typed key, or None for no dropout. On a mesh with the rows
        of the batch split, the compiler adds the gradients of the devices: no ``psum`` here.

    Raises:
        TypeError: if encode is neither a function nor a tuple of two.

    Example:
        >>> import jax, numpy as np
        >>> from bscl_jax import gradients
        >>> from bscl_jax.types import PairBatch, TokenBatch
        >>> tokens = TokenBatch(np.zeros((2, 3), np.int32), np.ones((2, 3), bool))
        >>> ones, ids = np.ones(2, np.float32), np.arange(2, dtype=np.int32)
        >>> batch = PairBatch(tokens, tokens, ones, ones, ids, ids)
        >>> encode = lambda params, tokens, dropout_key: params["table"][tokens.ids].mean(1)
        >>> loss = lambda params, queries, targets, batch: (queries * targets).sum()
        >>> compute = jax.jit(gradients.value_and_grad(encode, loss))
        >>> value, grads = compute({"table": np.ones((5, 4), np.float32)}, batch, None)
        >>> float(value), grads["table"].shape
        (8.0, (5, 4))
    """
    return value_and_grad_of_towers(side_by_side(*two_towers(encode)), loss)
