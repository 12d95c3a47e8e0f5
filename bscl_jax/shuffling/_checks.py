"""Rules that all shuffles share."""

import numpy as np


def check_group_size(group_size: int) -> None:
    """Refuse groups that hold nothing."""
    if group_size < 1:
        raise ValueError(f"group_size must be ≥ 1, got {group_size}; 4 to 8 suits most data")


def check_matrix(embeddings: np.ndarray) -> None:
    """Refuse what is no table of embeddings."""
    if embeddings.ndim != 2 or embeddings.shape[1] == 0:
        raise ValueError(
            f"embeddings must be a matrix (n, d) with d ≥ 1, got shape {embeddings.shape}; "
            "pass one row per pair"
        )
