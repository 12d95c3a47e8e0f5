"""Where the texts of a batch stand in its rows: one a row, or several one after another."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int


class Placing(NamedTuple):
    """What a token may see, and where it stands in its text.

    Attributes:
        mask: True on real tokens.
        numbers: which text of its row a token belongs to, from 0; what pads a row has a number of
            its own. None where every row is one text.
        starts: where in the row the text of a token begins; None likewise.
    """

    mask: Bool[Array, "b s"]
    numbers: Int[Array, "b s"] | None = None
    starts: Int[Array, "b s"] | None = None

    @property
    def allowed(self) -> Bool[Array, "b 1 #s s"]:
        """Whether a token (third axis) may ask another (fourth): the real ones of its text."""
        if self.numbers is None:
            return self.mask[:, None, None, :]
        return (self.numbers[:, :, None] == self.numbers[:, None, :])[:, None]

    @property
    def positions(self) -> Int[Array, "#b s"]:
        """Position of each token in its text, from 0."""
        row = jnp.arange(self.mask.shape[1])[None]
        return row if self.starts is None else row - self.starts

    def counted(self, real: Bool[Array, "b s"]) -> Int[Array, "b s"]:
        """Number of tokens of its text, up to and with each token, that are among the given."""
        ones = real.astype(jnp.int32)
        totals = jnp.cumsum(ones, axis=1)
        if self.starts is None:
            return totals
        return totals - jnp.take_along_axis(totals - ones, self.starts, axis=1)


def place_texts(mask: Bool[Array, "b s"], lengths: Int[Array, "b k"] | None) -> Placing:
    """Find out what stands where.

    Args:
        mask: True on real tokens.
        lengths: tokens of each of the k texts of a row, 0 where there are fewer; None where every
            row is one text.
    """
    if lengths is None or lengths.shape[1] == 1:  # whose attention is a mask of keys, not of pairs
        return Placing(mask)
    numbers = _numbers(mask, lengths)
    last = lengths.shape[1] - 1
    begins = jnp.cumsum(lengths, axis=1) - lengths
    starts = jnp.take_along_axis(begins, jnp.minimum(numbers, last), axis=1)
    return Placing(mask, numbers, starts)


def masks_of_texts(mask: Bool[Array, "b s"], lengths: Int[Array, "b k"]) -> Bool[Array, "k b s"]:
    """True on the tokens of each text of a row; on the first token of the row for one not there."""
    there = lengths.T[:, :, None] > 0
    own = _numbers(mask, lengths) == jnp.arange(lengths.shape[1])[:, None, None]
    return jnp.where(there, own, jnp.arange(mask.shape[1]) == 0)


def _numbers(mask: Bool[Array, "b s"], lengths: Int[Array, "b k"]) -> Int[Array, "b s"]:
    """Number of its text in the row for each token; k for what pads the row."""
    ends = jnp.cumsum(lengths, axis=1)
    return (jnp.arange(mask.shape[1])[None, :, None] >= ends[:, None, :]).sum(axis=-1)
