"""What ends a block of a layer, in one kernel on a GPU: bias, dropout, the sum, its normalization.

The values of a few tokens stay in the registers of one block of threads from the product that the
block ends with to the normalized sum, and on the way back from there to the slopes of both parts.
XLA divides this, backward above all, among ten loops that each read and write the activations.
"""

from collections.abc import Callable
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

MOST_FEATURES = 1024
"""So many features of a token fit in registers."""

_PARTS = tuple(np.arange(3, dtype=np.int32))  # interpreted kernels take no other indices


class Launch(NamedTuple):
    """How tokens are divided among blocks of threads.

    Attributes:
        tokens: of a row, that a block does, one group after another.
        values: of a group, which are in registers at a time.
        warps: of 32 threads, of a block.
    """

    tokens: int
    values: int
    warps: int


FORWARD = Launch(tokens=8, values=512, warps=1)
BACKWARD = Launch(tokens=16, values=512, warps=1)

Hidden = Float[Array, "b s d"]
Vector = Float[Array, " d"]


class Setting(NamedTuple):
    """What is fixed when the kernel is compiled.

    Attributes:
        epsilon: added to the variance.
        dropped: of 65,536 added values, how many dropout sets to 0 on average.
        interpret: run as ordinary operations, on whatever device: for tests.
    """

    epsilon: float
    dropped: int
    interpret: bool


def fits(num_features: int, dtype: Any) -> bool:
    """Whether the kernel can do tokens of so many features."""
    return num_features <= MOST_FEATURES and dtype.itemsize == 2


def fused_norm(
    hidden: Hidden,
    added: Hidden,
    shift: Vector,
    scale: Vector,
    bias: Vector,
    words: UInt32[Array, "b 2"] | None,
    *,
    epsilon: float,
    dropped: int,
) -> Hidden:
    """Layer normalization of ``hidden + dropout(added + shift)``, its statistics in float32.

    Args:
        hidden: input of the block, in a 16-bit type.
        added: what the block makes of it.
        shift: added to that.
        scale: what the normalized sum is multiplied with.
        bias: what is added to it.
        words: what the dropout of a row is drawn from; None for no dropout.
        epsilon: added to the variance.
        dropped: of 65,536 added values, how many dropout sets to 0 on average.

    Returns:
        The normalized sum.
    """
    if words is None:
        words, dropped = jnp.zeros((len(hidden), 2), jnp.uint32), 0
    setting = Setting(epsilon, dropped, interprets())
    return _norm(setting, hidden, added, words, shift, scale, bias)


class _Job(NamedTuple):
    """What a kernel does to each row.

    Attributes:
        setting: its setting.
        launch: how it is launched.
        length: tokens of a row.
        features: of a token.
    """

    setting: Setting
    launch: Launch
    length: int
    features: int

    @property
    def wide(self) -> int:
        """Features, padded to a power of two."""
        return pl.next_power_of_2(self.features)

    @property
    def group(self) -> tuple[int, int]:
        """Tokens and padded features of a group."""
        return max(1, min(self.launch.tokens, self.launch.values // self.wide)), self.wide

    def for_each_group(self, words: Any, do: Callable[["_Group", Any], Any], carry: Any) -> Any:
        """Inside a kernel: give ``do`` each group of the block, and what it returned before."""
        start = pl.program_id(1) * self.launch.tokens
        turns = pl.cdiv(min(self.length, self.launch.tokens), self.group[0])
        step = partial(self._find, start, words)
        return jax.lax.fori_loop(0, turns, lambda turn, carry: do(step(turn), carry), carry)

    def _find(self, start: Any, words: Any, turn: Any) -> "_Group":
        first = turn * self.group[0]
        down, across = start + first + count(self.group, 0), count(self.group, 1)
        kept = None
        if self.setting.dropped:
            numbers = (down * self.features + across).astype(jnp.uint32)
            kept = keeps(numbers, (words[0], words[1]), self.setting.dropped)
        there = (down < self.length) & (across < self.features)
        return _Group(self, pl.ds(first, self.group[0]), there, kept)

    def load(self, ref: Any) -> Float[Array, "1 w"]:
        """Inside a kernel: load a vector."""
        return triton.load(ref, mask=self.inside, other=0.0).astype(jnp.float32)[None]

    @property
    def inside(self) -> Bool[Array, " w"]:
        """Inside a kernel: where padded features are real."""
        return count((self.wide,), 0) < self.features


class _Group(NamedTuple):
    """A few tokens of a row, as their block of threads sees them."""

    job: _Job
    tokens: Any
    there: Bool[Array, "g w"]
    kept: Bool[Array, "g w"] | None

    def load(self, ref: Any) -> Float[Array, "g w"]:
        return triton.load(ref.at[self.tokens], mask=self.there, other=0.0).astype(jnp.float32)

    def store(self, ref: Any, values: Float[Array, "g w"]) -> None:
        triton.store(ref.at[self.tokens], values.astype(ref.dtype), mask=self.there)

    def drop(self, values: Float[Array, "g w"]) -> Float[Array, "g w"]:
        if self.kept is None:
            return values
        return jnp.where(self.kept, values * (LEVELS / (LEVELS - self.job.setting.dropped)), 0.0)

    def mean(self, values: Float[Array, "g w"]) -> Float[Array, "g 1"]:
        return jnp.sum(values, axis=1)[:, None] / self.job.features

    def normalize(
        self, total: Float[Array, "g w"]
    ) -> tuple[Float[Array, "g w"], Float[Array, "g 1"]]:
        """Return the tokens with mean 0 and variance 1, and what they were multiplied with."""
        around = jnp.where(self.there, total - self.mean(total), 0.0)
        factor = jax.lax.rsqrt(self.mean(around * around) + self.job.setting.epsilon)
        return around * factor, factor


def _forward_kernel(job: _Job, *refs: Any) -> None:
    hidden, added, words, shift, scale, bias, normed, *totals = refs
    shifts, scales, biases = (job.load(ref) for ref in (shift, scale, bias))

    def do(group: _Group, carry: Any) -> Any:
        found = group.load(hidden) + group.drop(group.load(added) + shifts)
        found = found.astype(normed.dtype).astype(jnp.float32)  # as the way back has it
        for total in totals:
            group.store(total, found)
        group.store(normed, group.normalize(found)[0] * scales + biases)
        return carry

    job.for_each_group(words, do, 0)


def _backward_kernel(job: _Job, *refs: Any) -> None:
    total, words, scale, slope, of_hidden, of_added, sums = refs
    scales = job.load(scale)

    def do(group: _Group, carry: Any) -> Any:
        normal, factor = group.normalize(group.load(total))
        given = group.load(slope)
        scaled = given * scales
        found = factor * (scaled - group.mean(scaled) - normal * group.mean(scaled * normal))
        found = jnp.where(group.there, found, 0.0)
        dropped = group.drop(found)
        group.store(of_hidden, found)
        group.store(of_added, dropped)
        parts = dropped, given * normal, given
        return tuple(x + y for x, y in zip(carry, parts, strict=True))

    none = jnp.zeros(job.group, jnp.float32)
    found = job.for_each_group(words, do, (none, none, none))
    for number, values in zip(_PARTS, found, strict=True):
        triton.store(sums.at[number], jnp.sum(values, axis=0), mask=job.inside)


def _call(kernel: Any, launch: Launch, setting: Setting, results: str, *arrays: Array) -> Any:
    """Run a kernel on all tokens.

    Args:
        kernel: one of the two.
        launch: how it is launched.
        setting: its setting.
        results: ``t`` for each result of the shape of the tokens, ``s`` for sums.
        arrays: of tokens (the first one), of rows (words), and vectors.
    """
    rows, length, features = arrays[0].shape
    job = _Job(setting, launch, length, features)
    wide, parts = job.wide, pl.cdiv(length, launch.tokens)
    specs = {
        1: pl.BlockSpec((wide,), lambda row, part: (0,)),
        2: pl.BlockSpec((None, 2), lambda row, part: (row, 0)),
        3: pl.BlockSpec((None, launch.tokens, wide), lambda row, part: (row, part, 0)),
        4: pl.BlockSpec((None, None, 3, wide), lambda row, part: (row, part, 0, 0)),
    }
    shapes = {
        "t": jax.ShapeDtypeStruct(arrays[0].shape, arrays[0].dtype),
        "s": jax.ShapeDtypeStruct((rows, parts, 3, features), jnp.float32),
    }
    found = tuple(shapes[result] for result in results)
    run = pl.pallas_call(
        partial(kernel, job),
        grid=(rows, parts),
        in_specs=[specs[x.ndim] for x in arrays],
        out_specs=tuple(specs[len(x.shape)] for x in found),
        out_shape=found,
        compiler_params=triton.CompilerParams(num_warps=launch.warps, num_stages=1),
        interpret=setting.interpret,
        name=kernel.__name__.strip("_").replace("kernel", "norm"),
    )
    done = run(*arrays)
    return done[0] if len(results) == 1 else done


_TOKEN, _SUMS = "b s d", "b p c d"
_GIVEN = (_TOKEN, _TOKEN, "b w", "d", "d", "d")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _norm(setting: Setting, *arrays: Array) -> Hidden:
    call = partial(_call, _forward_kernel, FORWARD, setting, "t")
    return over_rows(call, _GIVEN, (_TOKEN,), *arrays)


def _forward(setting: Setting, *arrays: Array) -> tuple[Hidden, tuple[Array, ...]]:
    call = partial(_call, _forward_kernel, FORWARD, setting, "tt")
    normed, total = over_rows(call, _GIVEN, (_TOKEN, _TOKEN), *arrays)
    return normed, (total, *arrays[2:])


def _backward(setting: Setting, kept: tuple[Array, ...], slope: Hidden) -> tuple[Any, ...]:
    total, words, *vectors = kept
    call = partial(_call, _backward_kernel, BACKWARD, setting, "tts")
    given, results = (_TOKEN, "b w", "d", _TOKEN), (_TOKEN, _TOKEN, _SUMS)
    *slopes, sums = over_rows(call, given, results, total, words, vectors[1], slope)
    of_vectors = jnp.sum(sums, axis=(0, 1))
    return *slopes, None, *(x.astype(y.dtype) for x, y in zip(of_vectors, vectors, strict=True))


_norm.defvjp(_forward, _backward)
