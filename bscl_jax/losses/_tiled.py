"""The sums over the negatives without the similarity matrix: one tile of it at a time.

Forward, each tile adds to the sums of its rows and of its columns. Backward the tiles are made
again, and each adds to the gradients of both sides: 2·b²·d operations forward and 6·b²·d backward,
whatever the direction, in the memory of one tile beside the embeddings and their gradients. The
order of all sums is fixed, so that two runs are bitwise equal.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bscl_jax.losses._comparison import BothSums, Comparison, Embeddings, Options
from bscl_jax.losses._gather import varying_as
from bscl_jax.losses._ring import gradients_round_the_ring, sums_round_the_ring
from bscl_jax.losses._streamed import Slope, add_gradients, add_sums, nothing_yet, sides


def tiled_sums(comparison: Comparison, options: Options) -> BothSums:
    """Visits the matrix by tiles; with an axis, the columns of each device go round all devices."""
    if options.axis_name is not None:
        # Gradients differ between the devices, also those of a side that all of them hold alike.
        place = lax.axis_index(options.axis_name)
        rows, columns = (x._replace(vectors=varying_as(x.vectors, place)) for x in comparison[:2])
        comparison = comparison._replace(rows=rows, columns=columns)
    return _sums(comparison, options)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _sums(comparison: Comparison, options: Options) -> BothSums:
    return _forward(comparison, options)[0]


def _forward(comparison: Comparison, options: Options) -> tuple[BothSums, Any]:
    of_rows, of_columns = (nothing_yet(x.vectors) for x in comparison[:2])
    of_rows = None if options.direction == "targets" else of_rows
    of_columns = None if options.direction == "queries" else of_columns
    if options.axis_name is None:
        of_rows, of_columns = add_sums(*sides(comparison), comparison, options, of_rows, of_columns)
        held = None
    else:
        of_rows, of_columns, held = sums_round_the_ring(comparison, options, of_rows, of_columns)
    return BothSums(of_rows, of_columns), (comparison, of_rows, of_columns, held)


def _backward(options: Options, kept: Any, cotangents: Any) -> tuple[Any]:
    comparison, *sums, held = kept
    slopes = [
        None if found is None else Slope(found.largest, cotangent.total)
        for found, cotangent in zip(sums, cotangents, strict=True)
    ]
    if options.axis_name is None:
        zeros = [jnp.zeros_like(x.vectors) for x in comparison[:2]]
        gradients = add_gradients(*sides(comparison, *slopes), comparison, options, *zeros)
    else:
        gradients = gradients_round_the_ring(comparison, options, held, *slopes)
    # The vectors alone have a gradient; what made them is differentiated where they were made.
    nothing: Any = None
    of_rows, of_columns = (Embeddings(nothing, nothing, x) for x in gradients)
    return (Comparison(of_rows, of_columns, nothing, nothing, nothing, nothing),)


_sums.defvjp(_forward, _backward)
