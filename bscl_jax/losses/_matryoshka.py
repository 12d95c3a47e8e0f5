"""Matryoshka: a loss of embeddings made one of their prefixes."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from bscl_jax.losses._checks import check_dims, check_prefixes

Loss = Callable[..., Float[Array, "..."]]


def matryoshka(
    loss: Loss, dims: Sequence[int], weights: Sequence[float | int] | None = None
) -> Loss:
    """Makes any loss one that asks the same of the first features alone.

        matryoshka(loss)(q, t, …) = Σ_k v_k loss(q[:, :d_k], t[:, :d_k], …)

    so that an embedding may be cut to its first d_k features, and be normalized again, with
    little harm.

    Args:
        loss: any function of embeddings, of this room or your own, called with arrays; whatever
            normalization it has is done anew on each prefix.
        dims: d_k, how many features the prefixes have; each at most that of the embeddings. The
            loss of the full embeddings takes part only if their number of features is listed.
        weights: v_k, one for each of ``dims``, which multiply the losses before they are added;
            nothing is divided by their sum. None = all 1.

    Returns:
        A function with the arguments of ``loss``, all of which it hands on. Cut are all
        floating-point matrices among them, positional or by keyword (``extra_targets`` too);
        labels, scores, weights, ids and settings go on as they are.

    Raises:
        ValueError: dims that are none, not whole, not positive or listed twice, or weights that do
            not fit them; when called, dims beyond the embeddings' features, or no embeddings.

    Example:
        >>> import jax.numpy as jnp
        >>> from bscl_jax import losses
        >>> queries = jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        >>> loss = losses.matryoshka(losses.batch_softmax, dims=[3, 2])
        >>> print(f"{loss(queries, queries, temperature=0.5):.4f}")
        0.4402

    References:
        Kusupati et al., "Matryoshka representation learning", NeurIPS 2022,
        https://arxiv.org/abs/2205.13147, eq. 1.
    """
    dims = list(dims)
    weights = [1.0] * len(dims) if weights is None else list(weights)
    check_dims(dims, weights)

    def of_prefixes(*arguments: Any, **keywords: Any) -> Float[Array, "..."]:
        given = (*arguments, *keywords.values())
        check_prefixes(dims, [x.shape for x in given if _is_embeddings(x)])

        def cut(x: Any, dim: int) -> Any:
            return x[:, :dim] if _is_embeddings(x) else x

        total = 0
        for dim, weight in zip(dims, weights, strict=True):
            cut_keywords = {name: cut(x, dim) for name, x in keywords.items()}
            total += weight * loss(*(cut(x, dim) for x in arguments), **cut_keywords)
        return jnp.asarray(total)

    return of_prefixes


def _is_embeddings(x: Any) -> bool:
    return getattr(x, "ndim", 0) == 2 and bool(jnp.issubdtype(x.dtype, jnp.floating))
