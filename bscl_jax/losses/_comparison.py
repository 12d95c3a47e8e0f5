"""One similarity matrix, described: what every implementation receives and what it returns."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from jaxtyping import Array, Float

from bscl_jax.losses._log_sum_exp import Sums
from bscl_jax.losses._negatives import Marks
from bscl_jax.losses._normalize import Statistics


class Embeddings(NamedTuple):
    """One side's texts. What is not to be held twice is made again from what the caller gave."""

    given: Float[Array, "n d"]  # in the caller's type
    statistics: Statistics  # of the columns of the whole batch
    vectors: Float[Array, "n d"]  # what the normalization makes of the two


class Comparison(NamedTuple):
    """Rows that are to be compared with columns, this device's part of both.

    The logits are s_ij = rows_i · columns_j for the negatives j of row i: those that share no mark
    with it. What hard negatives have on top, ``boost`` · s_ij, has no derivative.
    """

    rows: Embeddings  # the vectors of rows are divided by τ
    columns: Embeddings
    marks: Marks
    column_marks: Marks | None  # for the sums of columns, if they leave out other negatives
    temperature: Float[Array, ""]
    boost: Float[Array, ""] | None


class Options(NamedTuple):
    """What is known before any array is."""

    direction: str  # "both", "queries" (sums of rows) or "targets" (sums of columns)
    tile: tuple[int, int]  # most rows and most columns of a tile
    axis_name: Hashable | None
    normalize: Callable[[Float[Array, "c d"], Statistics], Float[Array, "c d"]]
    precision: str  # of the matrix products


class BothSums(NamedTuple):
    """Σ exp over the negatives of each row and of each column.

    The rows are this device's, and so are the columns, summed over the rows of all devices. None
    where the direction asks for the other one only.
    """

    rows: Sums | None
    columns: Sums | None


Implementation = Callable[[Comparison, Options], BothSums]
