"""Embeddings in fewer bytes."""

import numpy as np

from bscl_jax.types import DType, name_dtype

DTYPES = ("float32", "float16", "int8", "uint8", "binary", "ubinary")
"""What embeddings may be brought to; the last two hold a bit a feature, eight of them a byte."""

STEPS = 255
"""Steps between the least and the greatest value of a feature, in a byte."""


def quantize(
    embeddings: np.ndarray, dtype: DType, *, ranges: np.ndarray | None = None
) -> np.ndarray:
    """Bring embeddings to another type, as sentence-transformers' ``quantize_embeddings`` does.

        uint8    clip(⌊255 (x − low) / (high − low)⌋, 0, 255), low and high of its feature
        int8     that − 128
        ubinary  1 where x > 0, packed from the highest bit on; the last byte is filled with 0
        binary   the bytes of that − 128, as int8

    Args:
        embeddings: ``(n, d)`` of floats.
        dtype: one of :data:`DTYPES`, or the type of NumPy of that name.
        ranges: float ``(2, d)``, low and high of each feature, for int8 and uint8: those of
            :func:`find_ranges` on embeddings that stand for all to come. None takes those of
            ``embeddings``; vectors are comparable only if their ranges are the same.

    Returns:
        ``(n, d)``, of the binary types ``(n, ⌈d / 8⌉)``; what is outside the ranges is clipped. A
        feature whose low is its high is cut to whole numbers above it. float32 may round the high
        itself to the step below the last, here as in sentence-transformers.

    Raises:
        TypeError: if ``embeddings`` are no floats.
        ValueError: if ``dtype`` is unknown, ``ranges`` are of another shape, not finite or falling,
            or there are none and one embedding alone to take them from.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import quantize
        >>> embeddings = np.array([[-1.0, 0.25], [1.0, 0.5]], np.float32)
        >>> quantize(embeddings, "int8").tolist(), quantize(embeddings, "ubinary").tolist()
        ([[-128, -128], [126, 126]], [[64], [192]])
    """
    check_dtype(dtype)
    dtype = name_dtype(dtype)
    if not np.issubdtype(embeddings.dtype, np.floating):
        raise TypeError(f"embeddings must be floats, were {embeddings.dtype}; quantize them once")
    if dtype in ("float32", "float16"):
        return np.ascontiguousarray(embeddings, dtype)
    if dtype in ("binary", "ubinary"):
        packed = np.packbits(embeddings > 0, axis=-1)
        return packed if dtype == "ubinary" else (packed ^ 0x80).view(np.int8)
    if ranges is None and len(embeddings) == 1:
        raise ValueError(
            f"{dtype} needs ranges where there is one embedding; take evaluation.find_ranges of "
            "many embeddings"
        )
    if ranges is None:
        ranges = find_ranges(embeddings)
    low, high = _checked_ranges(ranges, embeddings.shape[-1])
    step = (high - low) / STEPS
    step[step == 0] = 1
    steps = np.clip(np.floor((embeddings - low) / step), 0, STEPS)
    return steps.astype(np.uint8) if dtype == "uint8" else (steps - 128).astype(np.int8)


def find_ranges(embeddings: np.ndarray) -> np.ndarray:
    """Find the least and the greatest value of each feature.

    Args:
        embeddings: ``(n, d)``; a thousand or more give ranges that hold for others too.

    Returns:
        float32 ``(2, d)``; zeros where n is 0.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import find_ranges
        >>> find_ranges(np.array([[-1.0, 0.25], [1.0, 0.5]])).tolist()
        [[-1.0, 0.25], [1.0, 0.5]]
    """
    if len(embeddings) == 0:
        return np.zeros((2, embeddings.shape[1]), np.float32)
    return np.stack([embeddings.min(axis=0), embeddings.max(axis=0)]).astype(np.float32)


def check_dtype(dtype: DType) -> None:
    """Refuse a type that is not one of :data:`DTYPES`.

    Raises:
        ValueError: listing them.

    Example:
        >>> from bscl_jax.evaluation import check_dtype
        >>> check_dtype("int8")
    """
    name = name_dtype(dtype)
    if name not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, was {name!r}")


def _checked_ranges(ranges: np.ndarray, dimension: int) -> np.ndarray:
    """Return ranges as float32; refuse what are none of embeddings of that many features."""
    found = np.asarray(ranges, np.float32)
    if found.shape != (2, dimension):
        raise ValueError(
            f"ranges must have shape (2, {dimension}), lows and highs of each feature, had "
            f"{found.shape}; take them from embeddings of the same model and truncate_dim"
        )
    if not (np.isfinite(found).all() and (found[0] <= found[1]).all()):
        raise ValueError("ranges must be finite, each low at most its high; take find_ranges")
    return found
