"""Algorithm 2 on clusters: pairs of one k-means cluster share a batch."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int64

from bscl_jax.shuffling._checks import check_group_size, check_matrix
from bscl_jax.shuffling._groups import GroupOrder, check_group_order, grouped
from bscl_jax.shuffling._points import check_finite
from bscl_jax.shuffling._random import make_bits

NUM_ROUNDS = 25
PRODUCTS_AT_ONCE = 2**22


def by_cluster(
    embeddings: Float[np.ndarray, "n d"],
    *,
    num_clusters: int,
    group_size: int,
    group_order: GroupOrder = "mixed",
    seed: int | Sequence[int],
) -> Int64[np.ndarray, " n"]:
    """Order pairs so that pairs of one cluster stand side by side.

    Algorithm 2 of the paper with the words of a text replaced by the number of its k-means cluster:
    the pairs of a cluster are cut at random into groups of at most ``group_size``, and the groups
    come in random order unless another is asked for.

    k-means starts at ``num_clusters`` random rows and takes up to 25 rounds of Lloyd's algorithm.
    The embeddings are rounded to a grid of integers (20 bits at d = 1024, 21 at 384) on which
    float64 computes every distance and every sum without rounding, so the same inputs and seed give
    the same bytes on any machine. Distance is L2 on the embeddings as given; ties go to the lower
    cluster.

    Args:
        embeddings: one row per pair, of its first (or second) text; finite, d ≥ 1. A float64 copy
            is made.
        num_clusters: clusters to begin with, ≥ 1; cut to n. Some may come out empty.
        group_size: most pairs in a group, ≥ 1.
        group_order: ``mixed``, at random; ``forward``, as they were formed; or ``reversed``.
        seed: as in :func:`random`.

    Returns:
        A permutation of 0 … n − 1, ``int64 n``.

    Raises:
        ValueError: the embeddings are no matrix or not finite, or a number is out of range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import shuffling
        >>> embeddings = np.array([[0.0], [9.0], [0.1], [9.1]])
        >>> order = shuffling.by_cluster(embeddings, num_clusters=2, group_size=2, seed=0)
        >>> embeddings[order, 0].round().tolist()
        [0.0, 0.0, 9.0, 9.0]

    References:
        Chernyavskiy, Ilvovsky, Kalinin, Nakov: Batch-Softmax Contrastive Loss for Pairwise Sentence
        Scoring Tasks. NAACL 2022, section 3.2.
    """
    embeddings = check_matrix(embeddings)
    check_group_size(group_size)
    check_group_order(group_order)
    if num_clusters < 1:
        raise ValueError(
            f"num_clusters must be ≥ 1, got {num_clusters}; about one for every 50 pairs suits"
        )
    bits = make_bits(seed)
    return grouped(
        _clusters(_on_grid(embeddings), num_clusters, bits), group_size, bits, group_order
    )


def _on_grid(embeddings: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Round to integers of b bits with ``d * 4 * 2**(2 * b) <= 2**53``.

    Float64 holds every integer up to 2**53, a squared distance of such rows is at most
    ``d * (2 * 2**b)**2``, and no partial sum of a dot product is larger: no addition rounds, so the
    order of summation cannot show. The scale is the power of two just above the largest value.
    """
    values = embeddings.astype(np.float64)
    check_finite(values, 0)
    num_bits = (51 - (values.shape[1] - 1).bit_length()) // 2
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    return np.rint(np.ldexp(values, num_bits - exponent))


def _clusters(
    values: Float64[np.ndarray, "n d"], num_clusters: int, bits: np.random.Philox
) -> Int64[np.ndarray, " n"]:
    """Return each row's cluster by Lloyd's algorithm; a cluster that runs empty stays in place."""
    from scipy import sparse

    n = len(values)
    centers = values[np.argsort(bits.random_raw(n), kind="stable")[:num_clusters]]
    labels = np.full(n, -1)
    for _ in range(NUM_ROUNDS):
        before, labels = labels, _closest(values, centers)
        if np.array_equal(before, labels):
            break
        members = sparse.csr_array((np.ones(n), (labels, np.arange(n))), shape=(len(centers), n))
        counts = np.bincount(labels, minlength=len(centers))
        filled = counts > 0
        centers[filled] = np.rint((members @ values)[filled] / counts[filled, None])
    return labels


def _closest(
    values: Float64[np.ndarray, "n d"], centers: Float64[np.ndarray, "k d"]
) -> Int64[np.ndarray, " n"]:
    """Return the nearest center of each row, the lowest if several are."""
    squares = np.einsum("kd,kd->k", centers, centers)
    labels = np.empty(len(values), np.int64)
    rows_at_once = max(1, PRODUCTS_AT_ONCE // max(len(centers), 1))
    for start in range(0, len(values), rows_at_once):
        rows = slice(start, start + rows_at_once)
        labels[rows] = np.argmin(squares - 2 * (values[rows] @ centers.T), axis=1)
    return labels
