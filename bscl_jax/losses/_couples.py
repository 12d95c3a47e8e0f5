"""Softplus over all couples of a row and a negative, one device's columns at a time."""

import functools
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bscl_jax.losses._dot import dot
from bscl_jax.losses._gather import pass_on, varying_as
from bscl_jax.losses._negatives import Marks, excluded


class Couples(NamedTuple):
    """Rows that meet columns, with logits rows · columns + bias."""

    rows: Float[Array, "b d"]
    columns: Float[Array, "c d"]
    bias: Float[Array, ""]


def sums_over_negatives(
    couples: Couples, marks: Marks, axis_name: Hashable | None
) -> Float[Array, " b"]:
    """Returns Σ_j softplus(x_ij) over the negatives j of each row i, those of all devices.

    Args:
        couples: this device's rows and columns.
        marks: which of the columns are no negatives of a row.
        axis_name: the axis of the devices, or None.

    Returns:
        The sums of this device's rows.
    """
    if axis_name is None:
        return _block(couples, marks)
    # Gradients differ between the devices, also those of what all of them hold alike.
    return _round_the_ring(varying_as(couples, lax.axis_index(axis_name)), marks, axis_name)


def _block(couples: Couples, marks: Marks) -> Float[Array, " b"]:
    logits = dot(couples.rows, couples.columns.T) + couples.bias
    costs, left_out = jax.nn.softplus(logits), excluded(marks)
    return jnp.sum(costs if left_out is None else jnp.where(left_out, 0, costs), axis=1)


# Differentiated as it stands, the loop would keep the columns of all devices for the way back.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _round_the_ring(couples: Couples, marks: Marks, axis_name: Hashable) -> Float[Array, " b"]:
    def add(held: Any, sums: Float[Array, " b"]) -> Float[Array, " b"]:
        return sums + _block(*_meet(couples, marks, held))

    def hop(_: Any, carry: Any) -> Any:
        held, sums = carry
        coming = pass_on(held, axis_name)
        return coming, add(held, sums)

    zeros = varying_as(jnp.zeros_like(couples.rows[:, 0]), couples.rows)
    carry = ((couples.columns, marks.columns), zeros)
    held, sums = lax.fori_loop(0, lax.axis_size(axis_name) - 1, hop, carry)
    return add(held, sums)


def _forward(
    couples: Couples, marks: Marks, axis_name: Hashable
) -> tuple[Float[Array, " b"], tuple[Couples, Marks]]:
    return _round_the_ring(couples, marks, axis_name), (couples, marks)


def _backward(
    axis_name: Hashable, kept: tuple[Couples, Marks], cotangent: Float[Array, " b"]
) -> tuple[Couples, None]:
    couples, marks = kept

    def add(held: Any, gradients: Couples) -> Couples:
        met, met_marks = _meet(couples, marks, held)
        _, pull = jax.vjp(lambda met: _block(met, met_marks), met)
        return jax.tree.map(jnp.add, gradients, pull(cotangent)[0])

    def homeward(gradients: Couples) -> Couples:
        # The gradient of columns travels with them; the last step takes it home.
        return gradients._replace(columns=pass_on(gradients.columns, axis_name))

    def hop(_: Any, carry: Any) -> Any:
        held, gradients = carry
        coming = pass_on(held, axis_name)
        return coming, homeward(add(held, gradients))

    zeros = varying_as(jax.tree.map(jnp.zeros_like, couples), couples.rows)
    carry = ((couples.columns, marks.columns), zeros)
    held, gradients = lax.fori_loop(0, lax.axis_size(axis_name) - 1, hop, carry)
    return homeward(add(held, gradients)), None


def _meet(couples: Couples, marks: Marks, held: Any) -> tuple[Couples, Marks]:
    columns, of_columns = held
    return couples._replace(columns=columns), marks._replace(columns=of_columns)


_round_the_ring.defvjp(_forward, _backward)
