"""Dropout whose masks belong to the row: a chunk of the batch draws what the whole batch drew."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

DropoutKey = Key[Array, "*b"] | UInt32[Array, "*b 2"]
"""One key or one key per row, typed (``jax.random.key``) or raw (``jax.random.PRNGKey``)."""

LEVELS = 1 << 16
"""Rates are multiples of one part in so many."""


def make_row_keys(dropout_key: DropoutKey, num_rows: int) -> Key[Array, " b"]:
    """Give every row of the batch a key of its own.

    Args:
        dropout_key: one key, which is split by the position of the row in the batch, or an array
            of ``num_rows`` keys, which is taken as it is. To cut a batch in chunks with the same
            masks, make the keys of the whole batch first and cut them with the rows.
        num_rows: rows of the batch.

    Returns:
        One typed key per row.

    Raises:
        ValueError: for an array of keys that has not ``num_rows`` keys.
    """
    if not jnp.issubdtype(dropout_key.dtype, jax.dtypes.prng_key):
        dropout_key = jax.random.wrap_key_data(dropout_key)
    if dropout_key.ndim == 0:
        rows = jnp.arange(num_rows, dtype=jnp.uint32)
        return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(dropout_key, rows)
    if dropout_key.shape != (num_rows,):
        raise ValueError(
            "dropout_key must be one key or one key per row of the batch: the batch has "
            f"{num_rows} rows, the keys have shape {dropout_key.shape}"
        )
    return dropout_key


def count_dropped(rate: float) -> int:
    """Of 65,536 random levels, how many drop a value."""
    return min(round(rate * LEVELS), LEVELS - 1)


def make_words(row_keys: Key[Array, " b"], site: int | UInt32[Array, ""]) -> UInt32[Array, "b 2"]:
    """Two random words for each row and place, of which ``keeps`` makes a mask.

    Args:
        row_keys: one key per row.
        site: number of the place in the model, so that each place has masks of its own.
    """
    keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(row_keys, site)
    return jax.random.key_data(keys)[:, :2]


def keeps(
    numbers: UInt32[Array, "..."],
    words: tuple[UInt32[Array, "..."], UInt32[Array, "..."]],
    dropped: int,
) -> Bool[Array, "..."]:
    """Whether the values of a row with these numbers are kept.

    Two rounds of a 32-bit hash mix number and words, a dozen operations: threefry for every value
    made a step a twentieth longer on a CPU, and would be too dear inside a kernel.

    Args:
        numbers: of the values in their row.
        words: the two of ``make_words``, for one row or, against more axes, for several.
        dropped: of 65,536 values, how many are dropped on average.

    References:
        Chris Wellons, lowbias32, https://nullprogram.com/blog/2018/07/31/
    """
    mixed = numbers + words[0]
    mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0x846CA68B)
    mixed = (mixed ^ (mixed >> 16)) + words[1]
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0x2C1B3C6D)
    return (mixed >> 16).astype(jnp.int32) >= dropped


def drop(
    values: Float[Array, "b ..."],
    row_keys: Key[Array, " b"],
    site: int | UInt32[Array, ""],
    rate: float,
) -> Float[Array, "b ..."]:
    """Set a random share of the values to 0 and scale the others, so that the mean stays.

    A mask is drawn from 16 random bits an element. The rate is therefore rounded to a 65,536th; the
    scale is that of the rounded rate, so the expectation is exact.

    Args:
        values: anything with the rows of the batch as its first axis.
        row_keys: one key per row.
        site: number of the place in the model, so that each place has masks of its own.
        rate: share of the values that is dropped, in [0, 1).

    Returns:
        The thinned values, same shape and type.
    """
    dropped = count_dropped(rate)
    if dropped == 0:
        return values
    words = make_words(row_keys, site)
    numbers = jnp.arange(values[0].size, dtype=jnp.uint32)[None]
    kept = keeps(numbers, (words[:, :1], words[:, 1:]), dropped).reshape(values.shape)
    scale = jnp.asarray(LEVELS / (LEVELS - dropped), values.dtype)
    return jnp.where(kept, values * scale, jnp.zeros((), values.dtype))
