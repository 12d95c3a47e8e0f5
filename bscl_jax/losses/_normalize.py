"""The five normalizations of embeddings, each safe where its divisor vanishes.

A normalization measures first, over the columns of the whole batch, and then changes each row by
itself; so a device may receive the rows of another one as they are, and normalize them again.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from bscl_jax.losses._cut import cut
from bscl_jax.losses._gather import varying_as

# A length or a width up to this is taken for zero: dividing by it would say nothing about the data
# and make a gradient of its inverse. Embeddings of any scale in use are far above it.
_SMALLEST = 1e-12

Statistics = tuple[Float[Array, "1 d"], ...]


class Normalizer(NamedTuple):
    """``apply(x, measure(x, axis_name))`` normalizes the rows of x.

    ``measure`` returns what there is to know of the columns of all devices' rows, ``apply`` changes
    rows, those that were measured or others.
    """

    measure: Callable[[Float[Array, "b d"], Hashable | None], Statistics]
    apply: Callable[[Float[Array, "b d"], Statistics], Float[Array, "b d"]]


def unit_rows(x: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Divides each row by its length; a zero row stays zero and gets a zero gradient."""
    # 1/|x| = 1/(c |x/c|) for any constant c. With c the largest entry, the squares neither
    # overflow nor underflow; c is held constant, which leaves the derivative as it is.
    largest, counts = _scale(jnp.max(jnp.abs(lax.stop_gradient(x)), axis=1, keepdims=True))
    squares = jnp.sum(jnp.square(x / largest), axis=1, keepdims=True)
    return x * _inverse_root(squares, largest, counts)


def _of_rows_alone(x: Float[Array, "b d"], axis_name: Hashable | None) -> Statistics:
    del x, axis_name
    return ()


def _unit_rows(x: Float[Array, "b d"], statistics: Statistics) -> Float[Array, "b d"]:
    del statistics
    return unit_rows(x)


def _as_they_are(x: Float[Array, "b d"], statistics: Statistics) -> Float[Array, "b d"]:
    del statistics
    return x


def _inverse_lengths(x: Float[Array, "b d"], axis_name: Hashable | None) -> Statistics:
    largest, counts = _scale(_extreme(jnp.abs(lax.stop_gradient(x)), "max", axis_name))
    squares = _sum(jnp.square(x / largest), axis_name)
    return (_inverse_root(squares, largest, counts),)


def _times(x: Float[Array, "b d"], statistics: Statistics) -> Float[Array, "b d"]:
    (factor,) = statistics
    return x * factor


def _extremes(x: Float[Array, "b d"], axis_name: Hashable | None) -> Statistics:
    return _extreme(x, "min", axis_name), _extreme(x, "max", axis_name)


def _by_range(x: Float[Array, "b d"], statistics: Statistics) -> Float[Array, "b d"]:
    low, high = statistics
    return x * _inverse_width(low, high)


def _into_range(x: Float[Array, "b d"], statistics: Statistics) -> Float[Array, "b d"]:
    low, high = statistics
    return (x - low) * _inverse_width(low, high)


NORMALIZERS = {
    "l2": Normalizer(_of_rows_alone, _unit_rows),
    "l2_columns": Normalizer(_inverse_lengths, _times),
    "range": Normalizer(_extremes, _by_range),
    "minmax": Normalizer(_extremes, _into_range),
    "none": Normalizer(_of_rows_alone, _as_they_are),
}


def _sum(x: Float[Array, "b d"], axis_name: Hashable | None) -> Float[Array, "1 d"]:
    total = jnp.sum(x, axis=0, keepdims=True)
    return total if axis_name is None else lax.psum(total, axis_name)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _extreme(x: Float[Array, "b d"], kind: str, axis_name: Hashable | None) -> Float[Array, "1 d"]:
    """The columns' maxima or minima over all devices; ties share the gradient evenly."""
    here, of_devices = _EXTREMES[kind]
    found = here(x, axis=0, keepdims=True)
    return found if axis_name is None else of_devices(found, axis_name)


_EXTREMES = {"max": (jnp.max, lax.pmax), "min": (jnp.min, lax.pmin)}


@_extreme.defjvp
def _extreme_jvp(kind: str, axis_name: Hashable | None, primals: Any, tangents: Any) -> Any:
    (x,), (moves,) = primals, tangents
    found = _extreme(x, kind, axis_name)

    def count(i: Int[Array, ""], so_far: Float[Array, "1 d"]) -> Float[Array, "1 d"]:
        holders, fresh = blocks.take(x, i) == found, blocks.fresh(i)
        holders = holders if fresh is None else holders & fresh[:, jnp.newaxis]
        return so_far + _sum(holders.astype(x.dtype), None)

    # In blocks, since XLA's CPU compiler would write down what it sums.
    blocks = cut(len(x), most=1024)
    ties = lax.fori_loop(0, blocks.number, count, varying_as(jnp.zeros_like(found), x, found))
    ties = ties if axis_name is None else lax.psum(ties, axis_name)
    return found, _sum(jnp.where(x == found, moves, 0), axis_name) / ties


def _scale(largest: Float[Array, "..."]) -> tuple[Float[Array, "..."], Bool[Array, "..."]]:
    counts = ~(largest <= _SMALLEST)  # so that a NaN goes through
    return jnp.where(counts, largest, 1), counts


def _inverse_root(
    squares: Float[Array, "..."], largest: Float[Array, "..."], counts: Bool[Array, "..."]
) -> Float[Array, "..."]:
    return jnp.where(counts, 1 / (largest * jnp.sqrt(jnp.where(counts, squares, 1))), 0)


def _inverse_width(low: Float[Array, "1 d"], high: Float[Array, "1 d"]) -> Float[Array, "1 d"]:
    width, counts = _scale(high - low)
    return jnp.where(counts, 1 / width, 0)
