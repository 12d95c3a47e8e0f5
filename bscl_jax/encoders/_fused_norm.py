"""What ends a block of a layer, in one kernel on a GPU: bias, dropout, the sum, its normalization.

The values of a few tokens stay in the registers of one block of threads from the product that the
block ends with to the normalized sum, and on the way back from there to the slopes of both parts.
XLA divides this, backward above all, among ten loops that each read and write the activations.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
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

LEAST_PART = 128
"""A part of a token's features is no smaller: each thread loads 8 bytes of it or more."""


class Launch(NamedTuple):
    """How tokens are divided among blocks of threads.

    Attributes:
        tokens: of a row, that a block does, one group after another.
        group: tokens that are in registers at a time; divides ``tokens``.
        warps: of 32 threads, of a block.
    """

    tokens: int
    group: int
    warps: int


FORWARD = Launch(tokens=2, group=1, warps=1)
BACKWARD = Launch(tokens=64, group=4, warps=4)

Hidden = Float[Array, "b s d"]
Vector = Float[Array, " d"]
Parts = tuple[Float[Array, "g w"], ...]
"""The features of a few tokens, so many at a time that their number is a power of two."""

_INDEX = tuple(np.arange(3, dtype=np.int32))  # interpreted kernels take no other indices
_each = jax.tree.map


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
    def width(self) -> int:
        """Features of a part: what divides them, or all of them and some that are not there."""
        even = self.features & -self.features
        return even if even >= LEAST_PART else pl.next_power_of_2(self.features)

    @property
    def parts(self) -> list[Any]:
        """Which features are those of a part."""
        return [pl.ds(start, self.width) for start in range(0, self.features, self.width)]

    @property
    def inside(self) -> Bool[Array, " w"]:
        """Inside a kernel: where a feature of a part is real."""
        return count((self.width,), 0) < self.features

    def load(self, ref: Any) -> Parts:
        """Inside a kernel: load a vector."""
        loaded = [triton.load(ref.at[part], mask=self.inside, other=0.0) for part in self.parts]
        return tuple(x.astype(jnp.float32)[None] for x in loaded)

    def for_each_group(self, refs: Sequence[Any], do: Callable[..., Any], carry: Any) -> Any:
        """Inside a kernel: give ``do`` each group of the block, and what it returned before.

        The next group is loaded meanwhile.

        Args:
            refs: of what is loaded.
            do: called with the group, its features of each of ``refs``, and the carry.
            carry: what it is given at first.
        """
        turns = pl.cdiv(min(self.length, self.launch.tokens), self.launch.group)
        start = pl.program_id(1) * self.launch.tokens

        def at(turn: Any) -> _Group:
            return _Group(self, start, turn * self.launch.group)

        def load(turn: Any) -> list[Parts]:
            return [at(turn).load(ref) for ref in refs]

        def step(turn: Any, state: Any) -> Any:
            loaded, carry = state
            wide = _each(lambda part: part.astype(jnp.float32), loaded)
            return load(turn + 1), do(at(turn), *wide, carry)

        return jax.lax.fori_loop(0, turns, step, (load(jnp.int32(0)), carry))[1]


class _Group(NamedTuple):
    """A few tokens of a row, as their block of threads sees them.

    Attributes:
        job: what is done to them.
        start: the block's first token.
        first: the first of these, counted from there.
    """

    job: _Job
    start: Any
    first: Any

    @property
    def tokens(self) -> Any:
        """Which tokens of the block they are."""
        return pl.ds(self.first, self.job.launch.group)

    @property
    def there(self) -> Bool[Array, " g"]:
        """Where a token is real."""
        left = jnp.minimum(self.job.launch.tokens, self.job.length - self.start)
        return self.first + count((self.job.launch.group,), 0) < left

    @property
    def masks(self) -> Bool[Array, "g w"]:
        """Where a token and a feature are real."""
        return self.there[:, None] & self.job.inside[None]

    def load(self, ref: Any) -> Parts:
        return tuple(
            triton.load(ref.at[self.tokens, part], mask=self.masks, other=0.0)
            for part in self.job.parts
        )

    def store(self, ref: Any, values: Parts) -> None:
        for part, found in zip(self.job.parts, values, strict=True):
            triton.store(ref.at[self.tokens, part], found.astype(ref.dtype), mask=self.masks)

    def drop(self, values: Parts, words: Any) -> Parts:
        """Dropout, with the masks that these tokens have in whatever block."""
        dropped = self.job.setting.dropped
        if not dropped:
            return values
        shape, width = values[0].shape, self.job.width
        token, feature = self.start + self.first + count(shape, 0), count(shape, 1)
        both = words[_INDEX[0]], words[_INDEX[1]]
        found = []
        for number, part in enumerate(values):
            numbers = token * self.job.features + (feature + number * width)
            kept = keeps(numbers.astype(jnp.uint32), both, dropped)
            found.append(jnp.where(kept, part * (LEVELS / (LEVELS - dropped)), 0.0))
        return tuple(found)

    def mean(self, values: Parts) -> Float[Array, "g 1"]:
        return jnp.sum(reduce(jnp.add, values), axis=1)[:, None] / self.job.features


def _forward_kernel(job: _Job, *refs: Any) -> None:
    hidden, added, words, shift, scale, bias, normed, *kept = refs
    shifts, scales, biases = (job.load(ref) for ref in (shift, scale, bias))

    def do(group: _Group, hiddens: Parts, addends: Parts, carry: Any) -> Any:
        moved = group.drop(_each(jnp.add, addends, shifts), words)
        total = _each(jnp.add, hiddens, moved)
        total = _each(lambda x: x.astype(normed.dtype).astype(jnp.float32), total)  # as it is kept
        mean = group.mean(total)
        around = _each(lambda x: jnp.where(group.masks, x - mean, 0.0), total)
        factor = jax.lax.rsqrt(group.mean(_each(jnp.square, around)) + job.setting.epsilon)
        group.store(normed, _each(lambda x, y, z: x * factor * y + z, around, scales, biases))
        if kept:
            totals, moments = kept
            group.store(totals, total)
            for number, values in zip(_INDEX[:2], (mean, factor), strict=True):
                place = moments.at[number, group.tokens]
                triton.store(place, values[:, 0], mask=group.there)
        return carry

    job.for_each_group((hidden, added), do, 0)


def _backward_kernel(job: _Job, *refs: Any) -> None:
    total, moments, words, scale, slope, of_hidden, of_added, sums = refs
    scales = job.load(scale)

    def do(group: _Group, totals: Parts, given: Parts, carry: Any) -> Any:
        mean, factor = (
            triton.load(moments.at[number, group.tokens], mask=group.there, other=0.0)[:, None]
            for number in _INDEX[:2]
        )
        normal = _each(lambda x: (x - mean) * factor, totals)
        scaled = _each(jnp.multiply, given, scales)
        level, along = group.mean(scaled), group.mean(_each(jnp.multiply, scaled, normal))
        found = _each(lambda x, y: factor * (x - level - y * along), scaled, normal)
        dropped = group.drop(found, words)
        group.store(of_hidden, found)
        group.store(of_added, dropped)
        return _each(jnp.add, carry, (dropped, _each(jnp.multiply, given, normal), given))

    none = (jnp.zeros((job.launch.group, job.width), jnp.float32),) * len(job.parts)
    found = job.for_each_group((total, slope), do, (none, none, none))
    for number, values in zip(_INDEX, found, strict=True):
        for part, value in zip(job.parts, values, strict=True):
            triton.store(sums.at[number, part], jnp.sum(value, axis=0), mask=job.inside)


_TOKEN, _WORDS, _VECTOR, _MOMENTS, _SUMS = "b s d", "b w", "d", "b m s", "b p c d"


def _call(
    kernel: Any,
    launch: Launch,
    setting: Setting,
    given: Sequence[str],
    results: Sequence[str],
    *arrays: Array,
) -> Any:
    """Run a kernel on all tokens.

    Args:
        kernel: one of the two.
        launch: how it is launched.
        setting: its setting.
        given: the axes of each array.
        results: the axes of each result.
        arrays: the first is of tokens.
    """
    rows, length, features = arrays[0].shape
    parts, dtype = pl.cdiv(length, launch.tokens), arrays[0].dtype
    specs = {
        _VECTOR: pl.BlockSpec((features,), lambda row, part: (0,)),
        _WORDS: pl.BlockSpec((None, 2), lambda row, part: (row, 0)),
        _TOKEN: pl.BlockSpec((None, launch.tokens, features), lambda row, part: (row, part, 0)),
        _MOMENTS: pl.BlockSpec((None, 2, launch.tokens), lambda row, part: (row, 0, part)),
        _SUMS: pl.BlockSpec((None, None, 3, features), lambda row, part: (row, part, 0, 0)),
    }
    shapes = {
        _TOKEN: jax.ShapeDtypeStruct(arrays[0].shape, dtype),
        _MOMENTS: jax.ShapeDtypeStruct((rows, 2, length), jnp.float32),
        _SUMS: jax.ShapeDtypeStruct((rows, parts, 3, features), jnp.float32),
    }
    run = pl.pallas_call(
        partial(kernel, _Job(setting, launch, length, features)),
        grid=(rows, parts),
        in_specs=[specs[axes] for axes in given],
        out_specs=tuple(specs[axes] for axes in results),
        out_shape=tuple(shapes[axes] for axes in results),
        compiler_params=triton.CompilerParams(num_warps=launch.warps, num_stages=1),
        interpret=setting.interpret,
        name=kernel.__name__.strip("_").replace("kernel", "norm"),
    )
    done = run(*arrays)
    return done[0] if len(results) == 1 else done


def _share(kernel: Any, launch: Launch, setting: Setting, given: Any, results: Any) -> Any:
    call = partial(_call, kernel, launch, setting, given, results)
    return partial(over_rows, call, given, results)


_GIVEN = (_TOKEN, _TOKEN, _WORDS, _VECTOR, _VECTOR, _VECTOR)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _norm(setting: Setting, *arrays: Array) -> Hidden:
    return _share(_forward_kernel, FORWARD, setting, _GIVEN, (_TOKEN,))(*arrays)


def _forward(setting: Setting, *arrays: Array) -> tuple[Hidden, tuple[Array, ...]]:
    results = _TOKEN, _TOKEN, _MOMENTS
    normed, *kept = _share(_forward_kernel, FORWARD, setting, _GIVEN, results)(*arrays)
    return normed, (*kept, *arrays[2:])


def _backward(setting: Setting, kept: tuple[Array, ...], slope: Hidden) -> tuple[Any, ...]:
    total, moments, words, *vectors = kept
    given, results = (_TOKEN, _MOMENTS, _WORDS, _VECTOR, _TOKEN), (_TOKEN, _TOKEN, _SUMS)
    run = _share(_backward_kernel, BACKWARD, setting, given, results)
    *slopes, sums = run(total, moments, words, vectors[1], slope)
    of_vectors = jnp.sum(sums, axis=(0, 1))
    return *slopes, None, *(x.astype(y.dtype) for x, y in zip(of_vectors, vectors, strict=True))


_norm.defvjp(_forward, _backward)
