"""Queries and documents → cosines, in which equal documents tie."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np

Cosines = Callable[[np.ndarray], np.ndarray]
"""Unit vectors of queries ``(q, d)``, or of one ``(d,)`` → cosines ``(q, c)`` or ``(c,)``."""


def make_cosines(documents: np.ndarray) -> Cosines:
    """Make ``queries -> cosines``, a product in which equal documents have equal cosines.

    BLAS adds up some columns of a product in another order than others, so that a document and its
    copy come out a rounding apart, by where they stand. Here a copy has the cosine of the first.

    Args:
        documents: unit vectors ``(c, d)``.

    Returns:
        The function. A document that is no copy has the very bits of the plain product.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import make_cosines
        >>> cosines = make_cosines(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> cosines(np.array([[0.6, 0.8]])).tolist()
        [[0.6, 0.8, 0.6]]
    """
    copies, firsts = _copies(documents)

    def cosines(queries: np.ndarray) -> np.ndarray:
        product = queries @ documents.T
        if len(copies):
            for of_query in np.atleast_2d(product):  # a row at a time holds no second product
                of_query[copies] = of_query[firsts]
        return product

    return cosines


def _copies(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are equal to an earlier one, and the first that each is equal to."""
    seen: dict[bytes, int] = {}
    firsts = np.empty(len(vectors), np.int64)
    for row, vector in enumerate(vectors):
        unsigned = vector + 0.0  # −0.0 has other bytes than 0.0
        firsts[row] = seen.setdefault(blake2b(unsigned, digest_size=16).digest(), row)
    copies = np.flatnonzero(firsts != np.arange(len(vectors)))
    return copies, firsts[copies]
