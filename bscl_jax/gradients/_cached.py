"""GradCache: the gradient of a large batch in the memory of a small one."""

from numbers import Integral
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

from bscl_jax.gradients._towers import (
    Encode,
    Loss,
    Towers,
    ValueAndGrad,
    side_by_side,
    two_towers,
    value_and_grad_of_towers,
)
from bscl_jax.types import Params, TokenBatch

Tree = TypeVar("Tree")


def cached_value_and_grad(
    encode: Encode | tuple[Encode, Encode],
    loss: Loss,
    *,
    chunk_size: int,
    mesh: Mesh | None = None,
) -> ValueAndGrad:
    """Return the same function as ``value_and_grad``, with activations of one chunk at a time.

    The gradient splits at the embeddings, z = encode(θ, x): ∂L/∂θ = Σ_i (∂L/∂z_i) (∂z_i/∂θ), and
    ∂L/∂z needs embeddings only. So: (1) encode all rows, chunk after chunk, keeping nothing but z;
    (2) loss and ∂L/∂z of the whole batch at once, and ∂L/∂θ for what the loss itself
    reads of params; (3) encode each chunk again, with the same dropout keys, and add up its
    vector–Jacobian product with ∂L/∂z. Every pair remains a negative of every other. The price is
    one more forward: 4/3 of the plain step's arithmetic.

    Args:
        encode: as in ``value_and_grad``; each row's embedding may depend on that row alone.
        loss: as in ``value_and_grad``.
        chunk_size: most rows encoded at once, counted over the whole (global) batch. The batch is
            cut into ⌈b / chunk_size⌉ chunks as equal as can be; a batch of one chunk is encoded
            plainly.
        mesh: the mesh over whose devices the rows of the batch are split, b a multiple of their
            number D. Each device then cuts its own rows into chunks of ⌊chunk_size / D⌋ (at least
            one row), and the gradient of params is summed over the devices once. None is right on
            any number of devices too, but the compiler sums once a chunk; it is for one
            device, and for inside ``pmap`` or ``shard_map``, where b and chunk_size are those of
            one device.

    Returns:
        ``(params, batch, key) -> (loss, grads)``, as in ``value_and_grad`` and equal to it up to
        rounding, dropout included.

    Raises:
        TypeError: if encode is neither a function nor a tuple of two.
        ValueError: if chunk_size < 1, or no whole number.

    Example:
        >>> import jax, numpy as np
        >>> from bscl_jax import gradients
        >>> from bscl_jax.types import PairBatch, TokenBatch
        >>> tokens = TokenBatch(np.zeros((5, 3), np.int32), np.ones((5, 3), bool))
        >>> ones, ids = np.ones(5, np.float32), np.arange(5, dtype=np.int32)
        >>> batch = PairBatch(tokens, tokens, ones, ones, ids, ids)
        >>> encode = lambda params, tokens, dropout_key: params["table"][tokens.ids].mean(1)
        >>> loss = lambda params, queries, targets, batch: (queries * targets).sum()
        >>> compute = jax.jit(gradients.cached_value_and_grad(encode, loss, chunk_size=2))
        >>> value, grads = compute({"table": np.ones((5, 4), np.float32)}, batch, None)
        >>> float(value), grads["table"].shape
        (20.0, (5, 4))

    References:
        Gao et al., Scaling deep contrastive learning batch size under memory limited setup,
        RepL4NLP 2021, arXiv 2101.06983.

    Differs: written as rematerialization (``jax.checkpoint`` of each chunk inside a scan), of
    which the steps above are what reverse mode then does; so no random state has to be saved and
    restored, and a trained temperature needs no special case.
    """
    if not isinstance(chunk_size, Integral) or chunk_size < 1:
        raise ValueError(
            f"chunk_size must be at least 1 row, and a whole number, got {chunk_size}; "
            "use value_and_grad to encode the whole batch at once"
        )
    if mesh is not None:
        chunk_size = max(chunk_size // mesh.size, 1)
    of_queries, of_targets = two_towers(encode)
    in_chunks = _in_chunks(of_queries, chunk_size)
    others = in_chunks if of_targets is of_queries else _in_chunks(of_targets, chunk_size)
    towers = side_by_side(in_chunks, others)
    return value_and_grad_of_towers(towers if mesh is None else _by_device(towers, mesh), loss)


def _by_device(towers: Towers, mesh: Mesh) -> Towers:
    """Return towers of which each device encodes its own rows.

    The compiler, left alone, keeps the sum over chunks whole on every device, and so has to add
    each chunk's part over the devices. Here the sum over chunks is each device's own; the
    transpose of handing params to all devices is the one sum over them. No row needs
    another, so there is nothing for ``check_vma`` to check, and encode may hold any loop.
    """
    whole, rows = PartitionSpec(), PartitionSpec(mesh.axis_names)
    return jax.shard_map(towers, mesh=mesh, in_specs=(whole, rows), out_specs=rows, check_vma=False)


def _in_chunks(encode: Encode, chunk_size: int) -> Encode:
    """Return encode as a scan over chunks of rows that keeps no activations."""
    # Inside a scan the two passes over a chunk cannot be merged: prevent_cse is not needed.
    # A function of our own, since jax.checkpoint hashes what it is given.
    forgetful = jax.checkpoint(lambda *chunk: encode(*chunk), prevent_cse=False)

    def encode_in_chunks(
        params: Params, tokens: TokenBatch, dropout_key: Key[Array, " b"] | None
    ) -> Float[Array, "b *k d"]:
        rows = tokens.ids.shape[0]
        chunks = -(-rows // chunk_size)
        if chunks == 1:
            return encode(params, tokens, dropout_key)
        embeddings = jax.lax.map(
            lambda chunk: forgetful(params, *chunk), _split((tokens, dropout_key), rows, chunks)
        )
        return _join(embeddings)[:rows]

    return encode_in_chunks


def _split(tree: Tree, rows: int, chunks: int) -> Tree:
    """Return arrays (b, …) as (chunks, rows of a chunk, …): chunk c holds rows c, c + chunks, ….

    Taking every chunks-th row, not a run of neighbours, leaves each row on its device when the
    batch is split over a mesh. Missing rows are repeated from the start: real texts, so
    nothing can overflow, and as their embeddings are cut off again their cotangent is zero.
    """
    per_chunk = -(-rows // chunks)
    missing = chunks * per_chunk - rows

    def split(leaf: ArrayLike) -> Array:
        leaf = jnp.asarray(leaf)
        if missing:
            leaf = jnp.concatenate([leaf, leaf[:missing]])
        return jnp.moveaxis(leaf.reshape(per_chunk, chunks, *leaf.shape[1:]), 1, 0)

    return jax.tree.map(split, tree)


def _join(embeddings: Float[Array, "chunks per_chunk *k d"]) -> Float[Array, "rows *k d"]:
    """Undo ``_split``, the repeated rows still at the end."""
    return jnp.moveaxis(embeddings, 0, 1).reshape(-1, *embeddings.shape[2:])
