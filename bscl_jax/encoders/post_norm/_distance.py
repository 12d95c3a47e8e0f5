"""Buckets of distances between tokens, as MPNet (and T5) have them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

NUM_BUCKETS = 32
"""Buckets in use; MPNet has no other number."""

_FARTHEST = 128
_HALF = NUM_BUCKETS // 2  # one half for tokens before, one for tokens behind
_EXACT = _HALF // 2


def make_buckets(length: Any) -> Int[Array, "s s"]:
    """Bucket of the way from each token (row) to each other (column).

    Distances up to 7 have a bucket of their own; farther ones share buckets of growing width, the
    last of which begins near 128. Logarithms are float32, as in the reference, which decides where
    a bucket begins.

    Args:
        length: tokens of a text; a symbolic dimension where the model is exported.

    Returns:
        Buckets, 0 to 15 for tokens before and the same, 16 to 31 for tokens behind.
    """
    way = np.arange(-_FARTHEST, _FARTHEST + 1, dtype=np.int32)
    distance = np.abs(way)
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(_EXACT))
    ratio = ratio / np.float32(np.log(_FARTHEST / _EXACT)) * np.float32(_HALF - _EXACT)
    shared = np.minimum(_EXACT + ratio.astype(np.int32), _HALF - 1)
    buckets = np.where(way > 0, _HALF, 0) + np.where(distance < _EXACT, distance, shared)
    positions = jnp.arange(length)
    near = jnp.clip(positions[None, :] - positions[:, None], -_FARTHEST, _FARTHEST)
    return jnp.asarray(buckets, jnp.int32)[near + _FARTHEST]
