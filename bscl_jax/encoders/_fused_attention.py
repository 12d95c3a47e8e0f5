"""Attention of short rows in one kernel on a GPU: the probabilities never leave the chip.

A row of packed sentences has so few tokens that all its logits fit in the registers of one block of
threads: one block does one head of one row, forward and, from the same inputs, backward. XLA writes
the logits to memory and reads them several times, which takes longer than the matrix products.
Written in Pallas for Triton, which JAX 0.11 still has and calls deprecated.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.custom_partitioning import custom_partitioning
from jax.experimental.pallas import triton
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int32, UInt32

from bscl_jax.encoders._dropout import LEVELS, keeps

MOST_TOKENS = 128
"""A row of so many tokens has its logits in the registers of one block of threads."""

_LEAST_TOKENS = 16  # of a product on tensor cores

Heads = Float[Array, "b s h f"]


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


def fits(query: Heads) -> bool:
    """Whether the kernel can do rows and heads of this size, in 16-bit floats."""
    _, tokens, _, features = query.shape
    return tokens <= MOST_TOKENS and features in (16, 32, 64) and query.dtype.itemsize == 2


def fused_attention(
    query: Heads,
    key: Heads,
    value: Heads,
    allowed: Bool[Array, "b 1 #s s"],
    words: UInt32[Array, "b 2"] | None,
    *,
    scale: float | None,
    dropped: int,
) -> Heads:
    """Scaled dot-product attention where it is allowed, softmax in float32.

    Args:
        query: a vector for each token that asks.
        key: a vector for each token that is asked.
        value: what an asked token gives.
        allowed: True where a token may ask another; one that may ask none gets the mean of all.
        words: what the dropout of a row is drawn from; None for no dropout.
        scale: what the dot products are multiplied with; None for 1 / sqrt(f).
        dropped: of 65,536 probabilities, how many dropout sets to 0 on average.

    Returns:
        The mixed values.
    """
    if words is None:
        words, dropped = jnp.zeros((len(query), 2), jnp.uint32), 0
    width = query.shape[-1] ** -0.5 if scale is None else scale
    setting = Setting(width, dropped, jax.default_backend() != "gpu")
    return _attention(setting, query, key, value, allowed.astype(jnp.int8), words)


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


def _load(setting: Setting, num_tokens: int, *refs: Any) -> _Block:
    query, key, value, allowed, words = refs
    size, features = query.shape

    def count(shape: tuple[int, ...], axis: int) -> Int32[Array, "..."]:
        return jax.lax.broadcasted_iota(jnp.int32, shape, axis)

    there = count((size, features), 0) < num_tokens
    q, k, v = (triton.load(ref, mask=there, other=0.0) for ref in (query, key, value))
    logits = triton.dot(q, k, trans_b=True) * setting.scale
    both = [count(allowed.shape, axis) < num_tokens for axis in (0, 1)]
    may = triton.load(allowed, mask=both[0] & both[1], other=0) != 0
    logits = jnp.where(jnp.broadcast_to(may, (size, size)), logits, jnp.finfo(jnp.float32).min)
    down, across = (count((size, size), axis) for axis in (0, 1))
    logits = jnp.where(across < num_tokens, logits, -jnp.inf)
    raised = jnp.exp(logits - jnp.max(logits, axis=1)[:, None])
    probabilities = raised / jnp.sum(raised, axis=1)[:, None]
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
    *inputs, slope, of_query, of_key, of_value = refs
    block = _load(setting, num_tokens, *inputs)
    dtype = block.query.dtype
    given = triton.load(slope, mask=block.there, other=0.0)
    thinned = block.drop(setting, block.probabilities).astype(dtype)
    found = triton.dot(thinned, given, trans_a=True)
    triton.store(of_value, found.astype(dtype), mask=block.there)
    pulled = block.drop(setting, triton.dot(given, block.value, trans_b=True))
    mean = jnp.sum(pulled * block.probabilities, axis=1)[:, None]
    of_logits = (block.probabilities * (pulled - mean) * setting.scale).astype(dtype)
    triton.store(of_query, triton.dot(of_logits, block.key).astype(dtype), mask=block.there)
    found = triton.dot(of_logits, block.query, trans_a=True)
    triton.store(of_key, found.astype(dtype), mask=block.there)


def _call(kernel: Any, setting: Setting, num_results: int, *arrays: Array) -> tuple[Array, ...]:
    """Run a kernel on every head of every row of ``(query, key, value, allowed, words, …)``."""
    query, _, _, allowed, words, *slopes = arrays
    rows, tokens, heads, features = query.shape
    size = max(_LEAST_TOKENS, pl.next_power_of_2(tokens))
    of_head = pl.BlockSpec((None, size, None, features), lambda row, head: (row, 0, head, 0))
    down = 1 if allowed.shape[2] == 1 else size
    of_row = pl.BlockSpec((None, None, down, size), lambda row, head: (row, 0, 0, 0))
    of_words = pl.BlockSpec((None, words.shape[1]), lambda row, head: (row, 0))
    run = pl.pallas_call(
        partial(kernel, setting, tokens),
        grid=(rows, heads),
        in_specs=[of_head, of_head, of_head, of_row, of_words, *(of_head for _ in slopes)],
        out_specs=[of_head] * num_results,
        out_shape=[jax.ShapeDtypeStruct(query.shape, query.dtype)] * num_results,
        compiler_params=triton.CompilerParams(num_warps=8 if size > 64 else 4, num_stages=1),
        interpret=setting.interpret,
        name=kernel.__name__.strip("_").replace("kernel", "attention"),
    )
    return tuple(run(*arrays))


def _over_rows(
    kernel: Any, setting: Setting, num_results: int, *arrays: Array
) -> tuple[Array, ...]:
    """The same, with each device doing its own rows where several share a batch."""
    call = partial(_call, kernel, setting, num_results)
    if jax.device_count() == 1:
        return call(*arrays)
    shared = custom_partitioning(call)

    def partition(mesh: Any, arguments: Any, results: Any) -> Any:
        spec = arguments[0].sharding.spec
        rows = NamedSharding(mesh, PartitionSpec(*spec[:1]))
        return mesh, call, (rows,) * num_results, (rows,) * len(arguments)

    heads = "b s h f"
    given = [heads, heads, heads, "b i j k", "b w", *[heads] * (len(arrays) - 5)]
    rule = f"{', '.join(given)} -> {', '.join([heads] * num_results)}"
    shared.def_partition(partition=partition, sharding_rule=rule)
    return shared(*arrays)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attention(setting: Setting, *arrays: Array) -> Heads:
    return _over_rows(_forward_kernel, setting, 1, *arrays)[0]


def _forward(setting: Setting, *arrays: Array) -> tuple[Heads, tuple[Array, ...]]:
    return _attention(setting, *arrays), arrays


def _backward(setting: Setting, arrays: tuple[Array, ...], slope: Heads) -> tuple[Any, ...]:
    return (*_over_rows(_backward_kernel, setting, 3, *arrays, slope), None, None)


_attention.defvjp(_forward, _backward)
