"""The similarity functions that a model can ask for."""

from collections.abc import Callable

import numpy as np

from bscl_jax.evaluation._embed import unit_rows


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return unit_rows(a) @ unit_rows(b).T


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a @ b.T


def _euclidean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return -cdist(a, b, "euclidean").astype(np.float32)


def _manhattan(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return -cdist(a, b, "cityblock").astype(np.float32)


_FUNCTIONS = {
    "cosine": _cosine,
    "dot": _dot,
    "euclidean": _euclidean,
    "manhattan": _manhattan,
}


_OF_PAIRS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": lambda a, b: (unit_rows(a) * unit_rows(b)).sum(axis=1),
    "dot": lambda a, b: (a * b).sum(axis=1),
    "euclidean": lambda a, b: -np.linalg.norm(a - b, axis=1),
    "manhattan": lambda a, b: -np.abs(a - b).sum(axis=1),
}


def _as_floats(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of short types in float32, in which products do not overflow."""
    if vectors.dtype.itemsize < 4:
        return vectors.astype(np.float32)
    return vectors.astype(np.float64) if np.issubdtype(vectors.dtype, np.integer) else vectors


def similarities(a: np.ndarray, b: np.ndarray, *, function: str = "cosine") -> np.ndarray:
    """Compare every row of a with every row of b; more is more alike.

    Args:
        a: vectors ``(len(a), d)``, of floats or whole numbers; not those of ``"binary"`` and
            ``"ubinary"``, whose numbers are eight features each.
        b: vectors ``(len(b), d)``, likewise.
        function: ``"cosine"``, ``"dot"``, or the negative distance ``"euclidean"`` or
            ``"manhattan"``.

    Returns:
        ``(len(a), len(b))``, float32, but of cosine and dot as wide as vectors that were given in
        float64 or in whole numbers of four bytes and more.

    Raises:
        ValueError: for an unknown function, or vectors of different numbers of features.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import similarities
        >>> a, b = np.array([[0.0, 3.0]]), np.array([[0.0, 1.0], [4.0, 3.0]])
        >>> similarities(a, b, function="euclidean").tolist()
        [[-2.0, -4.0]]
    """
    _check(a, b, function)
    return _FUNCTIONS[function](_as_floats(a), _as_floats(b))


def pair_similarities(a: np.ndarray, b: np.ndarray, *, function: str = "cosine") -> np.ndarray:
    """Compare row i of a with row i of b; more is more alike.

    Args:
        a: vectors ``(n, d)``, as for :func:`similarities`.
        b: vectors ``(n, d)``, likewise.
        function: as there.

    Returns:
        float32 ``(n,)``.

    Raises:
        ValueError: for an unknown function, or vectors of different shapes.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import pair_similarities
        >>> a, b = np.array([[0.0, 3.0], [1.0, 1.0]]), np.array([[4.0, 0.0], [2.0, 1.0]])
        >>> pair_similarities(a, b, function="euclidean").tolist()
        [-5.0, -1.0]
    """
    _check(a, b, function)
    if len(a) != len(b):
        raise ValueError(f"a and b must be equally many, were {len(a)} and {len(b)}")
    return _OF_PAIRS[function](_as_floats(a), _as_floats(b)).astype(np.float32, copy=False)


def _check(a: np.ndarray, b: np.ndarray, function: str) -> None:
    if function not in _FUNCTIONS:
        raise ValueError(f"function must be one of {', '.join(_FUNCTIONS)}, was {function!r}")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"a and b must be rows of equally many features, had shapes {a.shape} and {b.shape}; "
            "are they vectors of one model, cut alike?"
        )
