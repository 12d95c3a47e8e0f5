"""Attention of short rows in one kernel on a GPU: the probabilities never leave the chip.

A row of packed sentences has so few tokens that all its logits fit in the registers of one block of
threads: one block does one head of a few rows, one after another, forward and, from the same
inputs, backward; the next row is loaded meanwhile. XLA writes the logits to memory and reads them
several times, which takes longer than the matrix products. Queries, keys and values come as the one
product that makes them all, so that nothing has to take them apart before.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array, Bool, Float, Int32, UInt32

from bscl_jax.encoders._dropout import LEVELS, keeps
from bscl_jax.encoders._kernels import count, interprets, over_rows

MOST_TOKENS = 128
"""A row of so many tokens has its logits in the registers of one block of threads."""

_PARTS = tuple(np.arange(3, dtype=np.int32))  # interpreted kernels take no other indices
_LEAST_TOKENS = 16  # of a product on tensor cores
_BITS = 32  # of a word

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

    @property
    def left(self) -> float:
        """What dropout multiplies the probabilities with that it keeps."""
        return LEVELS / (LEVELS - self.dropped)


class Launch(NamedTuple):
    """How a block of threads does its rows.

    Attributes:
        rows: at most, one after another.
        warps: of 32 threads.
        stages: rows that are loaded or computed at a time.
    """

    rows: int
    warps: int
    stages: int


SHORT = Launch(rows=8, warps=4, stages=3)
"""Of rows up to 64 tokens."""

LONG = Launch(rows=1, warps=8, stages=1)
"""Of longer rows."""

LEAST_BLOCKS = 768
"""A block has several rows only where there are so many blocks, which keep a GPU busy."""


def fits(num_tokens: int, num_features: int, dtype: Any) -> bool:
    """Whether the kernel can do rows of so many tokens and heads of so many features."""
    return num_tokens <= MOST_TOKENS and num_features in (16, 32, 64) and dtype.itemsize == 2


def fused_attention(
    packed: Packed,
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
    return _attention(setting, packed, _make_bits(allowed), words)


def _make_bits(allowed: Bool[Array, "b 1 #s s"]) -> UInt32[Array, "b words #s"]:
    """Make words of what a token may ask, a bit each: a block of threads loads few of them."""
    rows, _, asking, tokens = allowed.shape
    padded = _padded(tokens)
    wide = jnp.pad(allowed[:, 0], ((0, 0), (0, 0), (0, max(padded, _BITS) - tokens)))
    bits = wide.reshape(rows, asking, -1, _BITS).astype(jnp.uint32)
    words = jnp.sum(bits << jnp.arange(_BITS, dtype=jnp.uint32), axis=-1, dtype=jnp.uint32)
    return words.swapaxes(1, 2)


def _padded(tokens: int) -> int:
    """Tokens of a row within a block of threads."""
    return max(_LEAST_TOKENS, pl.next_power_of_2(tokens))


class _Job(NamedTuple):
    """What a block of threads does next.

    Attributes:
        setting: its setting.
        num_tokens: of a row.
        head: of its heads.
        row: of its rows.
    """

    setting: Setting
    num_tokens: int
    head: Any
    row: Any


class _Block(NamedTuple):
    """One head of one row, as its block of threads sees it.

    Attributes:
        query: what each token asks with.
        key: what it is asked by.
        value: what it gives.
        raised: exponentials of the logits, 1 the largest of a token's.
        share: what they are multiplied with to be probabilities, and by dropout.
        kept: which of them dropout keeps; None for all.
        there: where a token is real.
    """

    query: Float[Array, "p f"]
    key: Float[Array, "p f"]
    value: Float[Array, "p f"]
    raised: Float[Array, "p p"]
    share: Float[Array, "p 1"]
    kept: Bool[Array, "p p"] | None
    there: Bool[Array, "p f"]

    def drop(self, values: Float[Array, "p p"]) -> Float[Array, "p p"]:
        """Dropout, but for what the values left are multiplied with."""
        return values if self.kept is None else jnp.where(self.kept, values, 0.0)


def _load(job: _Job, packed: Any, bits: Any, words: Any) -> _Block:
    setting, num_tokens, head, row = job
    _, size, _, features = packed.shape
    there = count((size, features), 0) < num_tokens
    q, k, v = (triton.load(packed.at[row, :, part], mask=there, other=0.0) for part in _PARTS)
    down, across = (count((size, size), axis) for axis in (0, 1))
    logits = triton.dot(q, k, trans_b=True)
    logits = jnp.where(_may(bits, num_tokens, row, across), logits, jnp.finfo(jnp.float32).min)
    logits = jnp.where(across < num_tokens, logits, -jnp.inf)
    scale = setting.scale / math.log(2)
    raised = jnp.exp2((logits - jnp.max(logits, axis=1)[:, None]) * scale)
    share = setting.left / jnp.sum(raised, axis=1)[:, None]
    kept = None
    if setting.dropped:
        numbers = (head * num_tokens + down) * num_tokens + across
        both = words[row, _PARTS[0]], words[row, _PARTS[1]]
        kept = keeps(numbers.astype(jnp.uint32), both, setting.dropped)
    return _Block(q, k, v, raised, share, kept, there)


def _may(bits: Any, num_tokens: int, row: Any, across: Int32[Array, "p p"]) -> Bool[Array, "p p"]:
    """Inside a kernel: whether each token may ask each other."""
    inside = count(bits.shape[2:], 0) < num_tokens
    found: Any = None
    for number in np.arange(bits.shape[1], dtype=np.int32):
        loaded = triton.load(bits.at[row, number], mask=inside, other=0)[:, None]
        word = jnp.broadcast_to(loaded, across.shape)
        found = word if found is None else jnp.where(across < _BITS * number, found, word)
    return (found >> (across % _BITS).astype(jnp.uint32)) & jnp.uint32(1) != 0


def _forward_kernel(job: _Job, *refs: Any) -> None:
    *inputs, mixed = refs
    block = _load(job, *inputs)
    dtype = block.value.dtype
    found = triton.dot(block.drop(block.raised).astype(dtype), block.value) * block.share
    triton.store(mixed.at[job.row], found.astype(dtype), mask=block.there)


def _backward_kernel(job: _Job, *refs: Any) -> None:
    *inputs, slope, of_packed = refs
    setting, row = job.setting, job.row
    block = _load(job, *inputs)
    dtype = block.query.dtype
    given = triton.load(slope.at[row], mask=block.there, other=0.0)
    mixing = block.raised * block.share
    along = mixing * block.drop(triton.dot(given, block.value, trans_b=True))
    level = jnp.sum(along, axis=1)[:, None] / setting.left
    of_logits = (along - mixing * level).astype(dtype)
    slopes = (
        triton.dot(of_logits, block.key) * setting.scale,
        triton.dot(of_logits, block.query, trans_a=True) * setting.scale,
        triton.dot(block.drop(mixing).astype(dtype), given, trans_a=True),
    )
    for part, found in zip(_PARTS, slopes, strict=True):
        triton.store(of_packed.at[row, :, part], found.astype(dtype), mask=block.there)


def _call(kernel: Any, setting: Setting, *arrays: Array) -> Array:
    """Run a kernel on every head of every row of ``(packed, bits, words, …)``."""
    packed, bits, words, *slopes = arrays
    rows, tokens, _, heads, features = packed.shape
    size = _padded(tokens)
    launch = LONG if size > 64 else SHORT
    most = max(1, rows * heads // LEAST_BLOCKS)
    together = min(launch.rows, 1 << most.bit_length() - 1)

    def run_rows(*refs: Any) -> None:
        head = pl.program_id(1)

        def run_row(row: Any, carry: Any) -> Any:
            kernel(_Job(setting, tokens, head, row), *refs)
            return carry

        left = rows - pl.program_id(0) * together
        turns = jnp.minimum(left, together) if rows % together else together
        jax.lax.fori_loop(0, turns, run_row, 0)

    all_three = pl.BlockSpec(
        (together, size, 3, None, features), lambda row, head: (row, 0, 0, head, 0)
    )
    of_head = pl.BlockSpec((together, size, None, features), lambda row, head: (row, 0, head, 0))
    asking = 1 if bits.shape[2] == 1 else size
    of_bits = pl.BlockSpec((together, bits.shape[1], asking), lambda row, head: (row, 0, 0))
    of_words = pl.BlockSpec((together, words.shape[1]), lambda row, head: (row, 0))
    shape = packed.shape if slopes else (rows, tokens, heads, features)
    run = pl.pallas_call(
        run_rows,
        grid=(pl.cdiv(rows, together), heads),
        in_specs=[all_three, of_bits, of_words, *(of_head for _ in slopes)],
        out_specs=all_three if slopes else of_head,
        out_shape=jax.ShapeDtypeStruct(shape, packed.dtype),
        compiler_params=triton.CompilerParams(num_warps=launch.warps, num_stages=launch.stages),
        interpret=setting.interpret,
        name=kernel.__name__.strip("_").replace("kernel", "attention"),
    )
    return run(*arrays)


_PACKED, _HEADS = "b s t h f", "b s h f"
_GIVEN = (_PACKED, "b i j", "b w")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attention(setting: Setting, *arrays: Array) -> Heads:
    return over_rows(partial(_call, _forward_kernel, setting), _GIVEN, (_HEADS,), *arrays)


def _forward(setting: Setting, *arrays: Array) -> tuple[Heads, tuple[Array, ...]]:
    return _attention(setting, *arrays), arrays


def _backward(setting: Setting, arrays: tuple[Array, ...], slope: Heads) -> tuple[Any, ...]:
    call = partial(_call, _backward_kernel, setting)
    of_packed = over_rows(call, (*_GIVEN, _HEADS), (_PACKED,), *arrays, slope)
    return of_packed, None, None


_attention.defvjp(_forward, _backward)
