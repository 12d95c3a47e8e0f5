"""A similarity matrix visited tile by tile, and nothing kept of it but sums along its sides."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from bscl_jax.losses._cut import cut
from bscl_jax.losses._dot import logits
from bscl_jax.losses._gather import varying_as
from bscl_jax.losses._negatives import Mark, Marks, negatives_only

Tree = TypeVar("Tree")
Read = Callable[[Float[Array, "n d"]], Float[Array, "n d"]]
Visit = Callable[..., tuple[Any, Any]]
Fresh = tuple[Bool[Array, " b"] | None, Bool[Array, " c"] | None]


class Side(NamedTuple):
    """The rows of one side of the matrix, their marks, and what else a visit wants of them."""

    x: Float[Array, "n d"]
    marks: tuple[Mark, ...]  # for the sums of rows
    column_marks: tuple[Mark, ...] | None = None  # for those of columns, if they are others
    known: Any = ()


def visit_tiles(
    visit: Visit,
    rows: Side,
    columns: Side,
    of_rows: Tree,
    of_columns: Any,
    *,
    read: tuple[Read, Read],
    tile: tuple[int, int],
) -> tuple[Tree, Any]:
    """Visits all tiles, row by row, with the parts of both results that lie beside the tile.

    Args:
        visit: ``(rows, columns, fresh, of_rows, of_columns) -> (of_rows, of_columns)`` of one tile.
            ``fresh`` is for ``tile_logits``: other rows and columns were in an earlier tile.
        rows: one side; ``visit`` receives some of its rows.
        columns: the other side, in the same way.
        of_rows: arrays with an entry for each of the rows, which visits change.
        of_columns: arrays with an entry for each of the columns.
        read: what makes the vectors that a visit receives of the rows' and the columns' ``x``.
        tile: most rows and most columns of a tile.

    Returns:
        ``of_rows`` and ``of_columns`` after all visits.
    """
    down, across = cut(len(rows.x), tile[0]), cut(len(columns.x), tile[1])

    def visit_row(i: Int[Array, ""], carry: tuple[Tree, Any]) -> tuple[Tree, Any]:
        of_rows, of_columns = carry
        here = down.take(rows, i)
        here = here._replace(x=read[0](here.x))

        def visit_tile(j: Int[Array, ""], carry: tuple[Tree, Any]) -> tuple[Tree, Any]:
            mine, of_columns = carry
            there = across.take(columns, j)
            there = there._replace(x=read[1](there.x))
            fresh = down.fresh(i), across.fresh(j)
            mine, theirs = visit(here, there, fresh, mine, across.take(of_columns, j))
            return mine, across.put(of_columns, theirs, j)

        mine = down.take(of_rows, i)
        mine, of_columns = lax.fori_loop(0, across.number, visit_tile, (mine, of_columns))
        return down.put(of_rows, mine, i), of_columns

    carry = varying_as((of_rows, of_columns), rows, columns)
    return lax.fori_loop(0, down.number, visit_row, carry)


def tile_logits(
    rows: Side,
    columns: Side,
    boost: Float[Array, ""] | None,
    fresh: Fresh,
    precision: str,
) -> tuple[Float[Array, "b c"], Float[Array, "b c"]]:
    """Returns the logits of a tile for the sums of rows and for those of columns.

    They are -inf where they do not count.
    """
    found = logits(rows.x, columns.x, boost, precision)
    for part, axis in zip(fresh, (1, 0), strict=True):
        if part is not None:
            found = jnp.where(jnp.expand_dims(part, axis), found, -jnp.inf)
    for_rows = negatives_only(found, Marks(rows.marks, columns.marks))
    if rows.column_marks is None or columns.column_marks is None:
        return for_rows, for_rows
    return for_rows, negatives_only(found, Marks(rows.column_marks, columns.column_marks))
