"""A seeded permutation that no library version can change."""

from collections.abc import Iterable, Sequence
from operator import index

import numpy as np
from jaxtyping import Int64


def random(n: int, *, seed: int | Sequence[int]) -> Int64[np.ndarray, " n"]:
    """Return a random permutation of 0 … n − 1.

    Every index draws a 64-bit key from the Philox counter generator, and the indices are sorted
    by key (by index, should two keys be equal). NumPy promises the raw stream of a bit generator
    for good, which it does not promise of ``Generator.permutation``, so the same seed gives the
    same bytes on every machine and under every version.

    Args:
        n: length of the permutation, ≥ 0.
        seed: an integer ≥ 0, or several, such as ``(run_seed, epoch)``. Trailing zeros add
            nothing: ``(7, 0)`` is the seed ``7``.

    Returns:
        The permutation, ``int64 n``.

    Raises:
        ValueError: ``n`` or ``seed`` is negative, or ``seed`` is empty or no integer.

    Example:
        >>> from bscl_jax import shuffling
        >>> shuffling.random(5, seed=0).tolist()
        [0, 3, 1, 2, 4]

    References:
        Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
    """
    if n < 0:
        raise ValueError(f"n must be ≥ 0, got {n}; it is the number of pairs to permute")
    return np.argsort(make_bits(seed).random_raw(n), kind="stable").astype(np.int64, copy=False)


def make_bits(seed: int | Sequence[int]) -> np.random.Philox:
    """Return the generator of raw 64-bit words that ``seed`` names."""
    try:
        words = [index(word) for word in (seed if isinstance(seed, Iterable) else [seed])]
    except TypeError:
        words = []
    if not words or min(words) < 0:
        raise ValueError(
            f"seed must be an integer ≥ 0 or several of them, got {seed!r}; "
            "use for example 0 or (run_seed, epoch)"
        )
    return np.random.Philox(words)
