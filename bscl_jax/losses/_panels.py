"""Tiles as wide as the matrix, for accelerators: few large products in place of many small ones.

A GPU starts a kernel for each product of a loop, and a thousand rows by a thousand columns are done
before the next has started. A panel of a thousand rows by all columns keeps it busy, for
4 · tile_size · b bytes a panel. XLA does the rest; the arithmetic is that of the tiled
implementation, which is the oracle.
"""

from bscl_jax.losses._comparison import BothSums, Comparison, Options
from bscl_jax.losses._tiled import tiled_sums


def panel_sums(comparison: Comparison, options: Options) -> BothSums:
    """Visits the matrix by panels of ``tile_size`` rows."""
    _, size = options.tile
    return tiled_sums(comparison, options._replace(tile=(size, len(comparison.columns.vectors))))
