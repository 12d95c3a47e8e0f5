"""What ends a block of a layer, in one kernel on a GPU: bias, dropout, the sum, its normalization.

The values of a few tokens stay in the registers of one block of threads from the product that the
block ends with to the normalized sum, and on the way back from there to the slopes of both parts.
XLA divides this, backward above all, among ten loops that each read and write the activations.
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

    def group(self, wide: int) -> int:
        """Tokens of a group, whose features are padded to so many."""
        return max(1, min(self.tokens, self.values // wide))

    def turns(self, length: int, wide: int) -> int:
        """Groups of a block, in rows of so many tokens."""
        return pl.cdiv(min(length, self.tokens), self.group(wide))


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


class _Group(NamedTuple):
    """A few tokens of a row, as their block of threads sees them."""

    tokens: Any
    there: Bool[Array, "g w"]
    kept: Bool[Array, "g w"] | None

    @classmethod
    def find(
        cls, setting: Setting, launch: Launch, sizes: tuple[int, int], turn: Any, refs: Any
    ) -> Any:
        """The group of this turn, of a row with ``sizes``, from the first token of the block on."""
        (length, features), (tokens, words, start) = sizes, refs
        shape = (launch.group(tokens.shape[1]), tokens.shape[1])
        first = turn * shape[0]
        down, across = start + first + count(shape, 0), count(shape, 1)
        kept = None
        if setting.dropped:
            numbers = (down * features + across).astype(jnp.uint32)
            kept = keeps(numbers, (words[0], words[1]), setting.dropped)
        return cls(pl.ds(first, shape[0]), (down < length) & (across < features), kept)

    def load(self, ref: Any) -> Float[Array, "g w"]:
        return triton.load(ref.at[self.tokens], mask=self.there, other=0.0).astype(jnp.float32)

    def store(self, ref: Any, values: Float[Array, "g w"]) -> None:
        triton.store(ref.at[self.tokens], values.astype(ref.dtype), mask=self.there)

    def drop(self, setting: Setting, values: Float[Array, "g w"]) -> Float[Array, "g w"]:
        if self.kept is None:
            return values
        return jnp.where(self.kept, values * (LEVELS / (LEVELS - setting.dropped)), 0.0)

    def normalize(
        self, setting: Setting, features: int, total: Float[Array, "g w"]
    ) -> tuple[Float[Array, "g w"], Float[Array, "g 1"]]:
        """Return the tokens with mean 0 and variance 1, and what they were multiplied with."""
        mean = jnp.sum(total, axis=1)[:, None] / features
        around = jnp.where(self.there, total - mean, 0.0)
        variance = jnp.sum(around * around, axis=1)[:, None] / features
        factor = jax.lax.rsqrt(variance + setting.epsilon)
        return around * factor, factor


def _vector(ref: Any, features: int) -> Float[Array, "1 w"]:
    there = count(ref.shape, 0) < features
    return triton.load(ref, mask=there, other=0.0).astype(jnp.float32)[None]


def _forward_kernel(setting: Setting, sizes: tuple[int, int], *refs: Any) -> None:
    hidden, added, words, shift, scale, bias, normed, *totals = refs
    where = hidden, words, pl.program_id(1) * FORWARD.tokens
    shifts, scales, biases = (_vector(ref, sizes[1]) for ref in (shift, scale, bias))

    def do(turn: Any, carry: Any) -> Any:
        group = _Group.find(setting, FORWARD, sizes, turn, where)
        found = group.load(hidden) + group.drop(setting, group.load(added) + shifts)
        found = found.astype(normed.dtype).astype(jnp.float32)  # as the way back has it
        for total in totals:
            group.store(total, found)
        group.store(normed, group.normalize(setting, sizes[1], found)[0] * scales + biases)
        return carry

    jax.lax.fori_loop(0, FORWARD.turns(sizes[0], hidden.shape[1]), do, 0)


def _backward_kernel(setting: Setting, sizes: tuple[int, int], *refs: Any) -> None:
    total, words, scale, slope, of_hidden, of_added, sums = refs
    where, wide = (total, words, pl.program_id(1) * BACKWARD.tokens), total.shape[1]
    scales = _vector(scale, sizes[1])

    def do(turn: Any, carry: Any) -> Any:
        group = _Group.find(setting, BACKWARD, sizes, turn, where)
        normal, factor = group.normalize(setting, sizes[1], group.load(total))
        given = group.load(slope)
        scaled = given * scales
        mean = jnp.sum(scaled, axis=1)[:, None] / sizes[1]
        along = jnp.sum(scaled * normal, axis=1)[:, None] / sizes[1]
        found = jnp.where(group.there, factor * (scaled - mean - normal * along), 0.0)
        dropped = group.drop(setting, found)
        group.store(of_hidden, found)
        group.store(of_added, dropped)
        parts = dropped, given * normal, given
        return tuple(x + y for x, y in zip(carry, parts, strict=True))

    none = jnp.zeros((BACKWARD.group(wide), wide), jnp.float32)
    found = jax.lax.fori_loop(0, BACKWARD.turns(sizes[0], wide), do, (none, none, none))
    there = count((wide,), 0) < sizes[1]
    for number, values in zip(_PARTS, found, strict=True):
        triton.store(sums.at[number], jnp.sum(values, axis=0), mask=there)


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
    wide, parts = pl.next_power_of_2(features), pl.cdiv(length, launch.tokens)
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
        partial(kernel, setting, (length, features)),
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
