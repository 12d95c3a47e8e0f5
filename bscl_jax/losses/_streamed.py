"""Log-sum-exp of both sides of a matrix, and its gradient, from tiles that are not kept."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from bscl_jax.losses._comparison import Comparison, Options
from bscl_jax.losses._dot import dot
from bscl_jax.losses._log_sum_exp import Sums, merge, sum_exp
from bscl_jax.losses._tiles import Fresh, Read, Side, tile_logits, visit_tiles


class Slope(NamedTuple):
    """Of a sum and the cotangent of its total: d/dx = cotangent · exp(x − largest)."""

    largest: Float[Array, " n"]
    cotangent: Float[Array, " n"]


def sides(
    comparison: Comparison, of_rows: Slope | None = None, of_columns: Slope | None = None
) -> tuple[Side, Side]:
    """Returns the two sides of a comparison with what is known of their sums."""
    rows, columns, marks, column_marks = comparison[:4]
    others = (None, None) if column_marks is None else column_marks
    return (
        Side(rows.given, marks.rows, others[0], of_rows),
        Side(columns.given, marks.columns, others[1], of_columns),
    )


def _readers(comparison: Comparison, options: Options) -> tuple[Read, Read]:
    """Returns what makes vectors of some rows, and of some columns."""
    rows, columns = comparison.rows, comparison.columns
    dtype = rows.vectors.dtype

    def read_rows(given: Float[Array, "n d"]) -> Float[Array, "n d"]:
        return options.normalize(given.astype(dtype), rows.statistics) / comparison.temperature

    def read_columns(given: Float[Array, "n d"]) -> Float[Array, "n d"]:
        return options.normalize(given.astype(dtype), columns.statistics)

    return read_rows, read_columns


def nothing_yet(x: Float[Array, "n d"]) -> Sums:
    """The sums before anything has been seen, one for each row of x."""
    return Sums(*(jnp.full(len(x), y, x.dtype) for y in (-jnp.inf, 0)))


def add_sums(
    rows: Side,
    columns: Side,
    comparison: Comparison,
    options: Options,
    of_rows: Sums | None,
    of_columns: Sums | None,
) -> tuple[Sums | None, Sums | None]:
    """Adds what the rows and columns make of each other to both sums; None are not wanted."""

    def visit(
        rows: Side,
        columns: Side,
        fresh: Fresh,
        of_rows: Sums | None,
        of_columns: Sums | None,
    ) -> tuple[Sums | None, Sums | None]:
        found = tile_logits(rows, columns, comparison.boost, fresh, options.precision)
        return _add(of_rows, found[0], axis=1), _add(of_columns, found[1], axis=0)

    read = _readers(comparison, options)
    return visit_tiles(visit, rows, columns, of_rows, of_columns, read=read, tile=options.tile)


def add_gradients(
    rows: Side,
    columns: Side,
    comparison: Comparison,
    options: Options,
    of_rows: Float[Array, "b d"],
    of_columns: Float[Array, "c d"],
) -> tuple[Float[Array, "b d"], Float[Array, "c d"]]:
    """Adds what the slopes that the sides know, each a ``Slope`` or None, make of the matrix."""

    def visit(
        rows: Side,
        columns: Side,
        fresh: Fresh,
        of_rows: Float[Array, "b d"],
        of_columns: Float[Array, "c d"],
    ) -> tuple[Float[Array, "b d"], Float[Array, "c d"]]:
        found = tile_logits(rows, columns, comparison.boost, fresh, options.precision)
        of_logits = _pull_back((rows.known, columns.known), found)
        to_rows = dot(of_logits, columns.x, options.precision)
        return of_rows + to_rows, of_columns + dot(of_logits.T, rows.x, options.precision)

    read = _readers(comparison, options)
    return visit_tiles(visit, rows, columns, of_rows, of_columns, read=read, tile=options.tile)


def _add(sums: Sums | None, logits: Float[Array, "b c"], *, axis: int) -> Sums | None:
    if sums is None:
        return None
    new = sum_exp(logits, axis=axis)
    return merge(Sums(*(jnp.stack(both) for both in zip(sums, new, strict=True))))


def _pull_back(
    slopes: tuple[Slope | None, Slope | None],
    logits: tuple[Float[Array, "b c"], Float[Array, "b c"]],
) -> Float[Array, "b c"]:
    parts = []
    for slope, x, axis in zip(slopes, logits, (1, 0), strict=True):
        if slope is not None:
            # Where nothing was summed, all logits are -inf; any finite number gives their 0.
            largest = jnp.where(slope.largest == -jnp.inf, 0, slope.largest)
            largest, cotangent = (jnp.expand_dims(y, axis) for y in (largest, slope.cotangent))
            parts.append(cotangent * jnp.exp(x - largest))
    return sum(parts[1:], start=parts[0])
