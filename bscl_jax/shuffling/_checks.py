"""Rules that all shuffles share."""

import numpy as np
from numpy.typing import ArrayLike


def check_group_size(group_size: int) -> None:
    """Refuse groups that hold nothing."""
    if group_size < 1:
        raise ValueError(f"group_size must be ≥ 1, got {group_size}; 4 to 8 suits most data")


def check_matrix(embeddings: ArrayLike) -> np.ndarray:
    """Return a table of embeddings as an array of NumPy, or refuse what is none."""
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or embeddings.shape[1] == 0:
        raise ValueError(
            f"embeddings must be a matrix (n, d) with d ≥ 1, got shape {embeddings.shape}; "
            "pass one row per pair"
        )
    return embeddings
