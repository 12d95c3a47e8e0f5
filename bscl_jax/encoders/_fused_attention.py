"""Attention of short rows in one kernel on a GPU: the probabilities never leave the chip.

A row of packed sentences has so few tokens that all its logits fit in the registers of one block of
threads: one block does one head of one row, forward and, from the same inputs, backward. XLA writes
the logits to memory and reads them several times, which takes longer than the matrix products.
Queries, keys and values come as the one product that makes them all, without their biases, so that
nothing has to take them apart before.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array, Bool, Float, UInt32

from bscl_jax.encoders._dropout import LEVELS, keeps
from bscl_jax.encoders._kernels import count, interprets, over_rows

MOST_TOKENS = 128
"""A row of so many tokens has its logits in the registers of one block of threads."""

_PARTS = tuple(np.arange(3, dtype=np.int32))  # interpreted kernels take no other indices
_LEAST_TOKENS = 16  # of a product on tensor cores

Heads = Float[Array, "b s h f"]
Packed = Float[Array, "b s 3 h f"]


class Setting(NamedTuple):
    """What is fixed when the kernel is compiled.

    Attributes:
        scale: what the dot products are multiplied with.
        dropped: of 65,536 probabilities, how many dropout sets to 0 on average.
        interpret: run as ordinary operations, on whatever device: for tests.
    """

    scale: float
    dropped: int
    interpret: bool


def fits(num_tokens: int, num_features: int, dtype: Any) -> bool:
    """Whether the kernel can do rows of so many tokens and heads of so many features."""
    return num_tokens <= MOST_TOKENS and num_features in (16, 32, 64) and dtype.itemsize == 2


def fused_attention(
    packed: Packed,
    biases: Float[Array, "3 h f"],
    allowed: Bool[Array, "b 1 #s s"],
    words: UInt32[Array, "b 2"] | None,
    *,
    scale: float | None,
    dropped: int,
) -> Heads:
    """Scaled dot-product attention where it is allowed, softmax in float32.

    Args:
        packed: for each token the vectors that it asks with, is asked by and gives, in a 16-bit
            type.
        biases: added to them.
        allowed: True where a token may ask another; one that may ask none gets the mean of all.
        words: what the dropout of a row is drawn from; None for no dropout.
        scale: what the dot products are multiplied with; None for 1 / sqrt(f).
        dropped: of 65,536 probabilities, how many dropout sets to 0 on average.

    Returns:
        The mixed values.
    """
    if words is None:
        words, dropped = jnp.zeros((len(packed), 2), jnp.uint32), 0
    width = packed.shape[-1] ** -0.5 if scale is None else scale
    setting = Setting(width, dropped, interprets())
    return _attention(setting, packed, allowed.astype(jnp.int8), words, biases)


class _Block(NamedTuple):
    """One head of one row, as its block of threads sees it."""

    query: Float[Array, "p f"]
    key: Float[Array, "p f"]
    value: Float[Array, "p f"]
    probabilities: Float[Array, "p p"]
    kept: Bool[Array, "p p"] | None
    there: Bool[Array, "p f"]

    def drop(self, setting: Setting, values: Float[Array, "p p"]) -> Float[Array, "p p"]:
        if self.kept is None:
            return values
        return jnp.where(self.kept, values * (LEVELS / (LEVELS - setting.dropped)), 0.0)


def _load(
    setting: Setting, num_tokens: int, packed: Any, allowed: Any, words: Any, biases: Any
) -> _Block:
    size, _, features = packed.shape
    there = count((size, features), 0) < num_tokens
    q, k, v = (
        triton.load(packed.at[:, part], mask=there, other=0.0) + triton.load(biases.at[part])[None]
        for part in _PARTS
    )
    logits = triton.dot(q, k, trans_b=True) * setting.scale
    both = [count(allowed.shape, axis) < num_tokens for axis in (0, 1)]
    may = triton.load(allowed, mask=both[0] & both[1], other=0) != 0
    logits = jnp.where(jnp.broadcast_to(may, (size, size)), logits, jnp.finfo(jnp.float32).min)
    down, across = (count((size, size), axis) for axis in (0, 1))
    logits = jnp.where(across < num_tokens, logits, -jnp.inf)
    raised = jnp.exp(logits - jnp.max(logits, axis=1)[:, None])
    probabilities = raised * (1 / jnp.sum(raised, axis=1))[:, None]
    kept = None
    if setting.dropped:
        numbers = (pl.program_id(1) * num_tokens + down) * num_tokens + across
        kept = keeps(numbers.astype(jnp.uint32), (words[0], words[1]), setting.dropped)
    return _Block(q, k, v, probabilities, kept, there)


def _forward_kernel(setting: Setting, num_tokens: int, *refs: Any) -> None:
    *inputs, mixed = refs
    block = _load(setting, num_tokens, *inputs)
    thinned = block.drop(setting, block.probabilities).astype(block.value.dtype)
    found = triton.dot(thinned, block.value)
    triton.store(mixed, found.astype(mixed.dtype), mask=block.there)


def _backward_kernel(setting: Setting, num_tokens: int, *refs: Any) -> None:
    *inputs, slope, of_packed = refs
    block = _load(setting, num_tokens, *inputs)
    dtype = block.query.dtype
    given = triton.load(slope, mask=block.there, other=0.0)
    thinned = block.drop(setting, block.probabilities).astype(dtype)
    pulled = block.drop(setting, triton.dot(given, block.value, trans_b=True))
    mean = jnp.sum(pulled * block.probabilities, axis=1)[:, None]
    of_logits = (block.probabilities * (pulled - mean) * setting.scale).astype(dtype)
    slopes = (
        triton.dot(of_logits, block.key),
        triton.dot(of_logits, block.query, trans_a=True),
        triton.dot(thinned, given, trans_a=True),
    )
    for part, found in zip(_PARTS, slopes, strict=True):
        triton.store(of_packed.at[:, part], found.astype(dtype), mask=block.there)


def _call(kernel: Any, setting: Setting, *arrays: Array) -> Array:
    """Run a kernel on every head of every row of ``(packed, allowed, words, biases, …)``."""
    packed, allowed, words, _, *slopes = arrays
    rows, tokens, _, heads, features = packed.shape
    size = max(_LEAST_TOKENS, pl.next_power_of_2(tokens))
    all_three = pl.BlockSpec(
        (None, size, 3, None, features), lambda row, head: (row, 0, 0, head, 0)
    )
    of_head = pl.BlockSpec((None, size, None, features), lambda row, head: (row, 0, head, 0))
    down = 1 if allowed.shape[2] == 1 else size
    of_row = pl.BlockSpec((None, None, down, size), lambda row, head: (row, 0, 0, 0))
    of_words = pl.BlockSpec((None, words.shape[1]), lambda row, head: (row, 0))
    of_biases = pl.BlockSpec((3, None, features), lambda row, head: (0, head, 0))
    shape = packed.shape if slopes else (rows, tokens, heads, features)
    run = pl.pallas_call(
        partial(kernel, setting, tokens),
        grid=(rows, heads),
        in_specs=[all_three, of_row, of_words, of_biases, *(of_head for _ in slopes)],
        out_specs=all_three if slopes else of_head,
        out_shape=jax.ShapeDtypeStruct(shape, packed.dtype),
        compiler_params=triton.CompilerParams(num_warps=8 if size > 64 else 4, num_stages=1),
        interpret=setting.interpret,
        name=kernel.__name__.strip("_").replace("kernel", "attention"),
    )
    return run(*arrays)


_PACKED, _HEADS = "b s t h f", "b s h f"
_GIVEN = (_PACKED, "b i j k", "b w", "t h f")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attention(setting: Setting, *arrays: Array) -> Heads:
    return over_rows(partial(_call, _forward_kernel, setting), _GIVEN, (_HEADS,), *arrays)


def _forward(setting: Setting, *arrays: Array) -> tuple[Heads, tuple[Array, ...]]:
    return _attention(setting, *arrays), arrays


def _backward(setting: Setting, arrays: tuple[Array, ...], slope: Heads) -> tuple[Any, ...]:
    call = partial(_call, _backward_kernel, setting)
    of_packed = over_rows(call, (*_GIVEN, _HEADS), (_PACKED,), *arrays, slope)
    of_biases = jnp.sum(of_packed, axis=(0, 1), dtype=jnp.float32)  # as quick in the kernel
    return of_packed, None, None, of_biases.astype(of_packed.dtype)


_attention.defvjp(_forward, _backward)
