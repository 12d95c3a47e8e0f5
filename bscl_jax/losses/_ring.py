"""The devices in a ring: the columns of each go round all of them, and no device holds them all.

They travel as the caller gave them, in the caller's type, and are normalized where they are used.
With b pairs of bfloat16 on D devices, each device sends 2·b·d·(D−1)/D bytes forward, 2·b·d·(D−2)/D
backward, and 4·b·d·(D−1)/D for the gradients of the columns, which are float32.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bscl_jax.losses._comparison import Comparison, Options
from bscl_jax.losses._gather import pass_on, varying_as
from bscl_jax.losses._log_sum_exp import Sums
from bscl_jax.losses._streamed import Slope, add_gradients, add_sums, sides
from bscl_jax.losses._tiles import Side


def sums_round_the_ring(
    comparison: Comparison, options: Options, of_rows: Sums | None, of_columns: Sums | None
) -> tuple[Sums | None, Sums | None, Side]:
    """Adds to the sums of this device's rows and columns what all devices have for them.

    Returns:
        The sums, and the last columns that came by: those of the next device.
    """
    rows, own = sides(comparison)

    def add(held: Side, of_rows: Sums | None, of_columns: Sums | None) -> Any:
        return add_sums(rows, held, comparison, options, of_rows, of_columns)

    def hop(_: Any, carry: Any) -> Any:
        held, of_rows, of_columns = carry
        coming = _send(held, options.axis_name)
        of_rows, of_columns = add(held, of_rows, of_columns)
        # The sums of columns travel with them, and come home with the last step below.
        return coming, of_rows, pass_on(of_columns, options.axis_name)

    carry = varying_as((own, of_rows, of_columns), lax.axis_index(options.axis_name))
    hops = lax.axis_size(options.axis_name) - 1
    held, of_rows, of_columns = lax.fori_loop(0, hops, hop, carry)
    of_rows, of_columns = add(held, of_rows, of_columns)
    return of_rows, pass_on(of_columns, options.axis_name), held


def gradients_round_the_ring(
    comparison: Comparison,
    options: Options,
    held: Side,
    of_rows: Slope | None,
    of_columns: Slope | None,
) -> tuple[Float[Array, "b d"], Float[Array, "c d"]]:
    """Returns the gradients of this device's rows and columns, of all devices' losses.

    The way back: from the columns of the next device, with which the way there ended, to one's own,
    which need not be sent. The gradients of columns travel with them and end at home.
    """
    rows, own = sides(comparison, of_rows, of_columns)
    axis_name, devices = options.axis_name, lax.axis_size(options.axis_name)

    def back(tree: Any) -> Any:
        return pass_on(tree, axis_name, by=-1)

    def add(columns: Side, of_rows: Any, of_columns: Any) -> Any:
        return add_gradients(rows, columns, comparison, options, of_rows, of_columns)

    def hop(_: Any, carry: Any) -> Any:
        held, slope, gradients = carry
        coming = _send(held, axis_name, by=-1), back(slope)
        of_rows, of_columns = add(held._replace(known=slope), *gradients)
        return *coming, (of_rows, back(of_columns))

    zeros = [jnp.zeros_like(x.vectors) for x in (comparison.rows, comparison.columns)]
    gradients = varying_as(tuple(zeros), lax.axis_index(axis_name))
    if devices > 1:
        carry = (held, back(of_columns), gradients)
        held, slope, gradients = lax.fori_loop(0, devices - 2, hop, carry)
        to_rows, to_columns = add(held._replace(known=slope), *gradients)
        gradients = to_rows, back(to_columns)
    return add(own, *gradients)


def _send(held: Side, axis_name: Any, by: int = 1) -> Side:
    rest = pass_on(held._replace(x=()), axis_name, by=by)
    return rest._replace(x=_send_bits(held.x, axis_name, by))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _send_bits(x: Float[Array, "n d"], axis_name: Any, by: int) -> Float[Array, "n d"]:
    """Passes embeddings on as bits: XLA's CPU collectives would widen 16-bit floats to 32."""
    bits = lax.bitcast_convert_type(x, jnp.dtype(f"uint{8 * x.dtype.itemsize}"))
    return lax.bitcast_convert_type(pass_on(bits, axis_name, by=by), x.dtype)


@_send_bits.defjvp
def _send_bits_jvp(axis_name: Any, by: int, primals: Any, tangents: Any) -> Any:
    # Bits have no derivative; what they stand for has.
    (x,), (moves,) = primals, tangents
    return _send_bits(x, axis_name, by), pass_on(moves, axis_name, by=by)
