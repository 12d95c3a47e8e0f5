"""Hard negatives searched among the targets by the embeddings of a model."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int64

from bscl_jax.data._content import normalize_text
from bscl_jax.data._negatives import POSITIVE, known_positives
from bscl_jax.data._sides import by_side
from bscl_jax.types import Pairs

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts → float32 ``(n, d)``, row i the embedding of text i."""


def mine_negatives(
    pairs: Pairs,
    embed: Embed | tuple[Embed, Embed],
    *,
    num_negatives: int = 5,
    ranks: tuple[int, int] = (1, 100),
    margin: float | None = None,
    guide: Embed | tuple[Embed, Embed] | None = None,
    corpus: Iterable[str] = (),
    block_size: int = 1024,
) -> Pairs:
    """Search hard negatives for each pair: texts near its query that do not answer it.

    Candidates are the distinct targets and the texts of ``corpus``, less the known positives of the
    query (``drop_false_negatives``). They are ranked by their cosine with the
    query; those of the rank window that pass margin and guide are its negatives, nearest first.

    Args:
        pairs: n pairs; those with a score of 0.5 or less get no negatives.
        embed: the model that ranks; a tuple of two embeds the queries with the first, the
            candidates with the second.
        num_negatives: most negatives of a pair, 1 or more.
        ranks: first and last rank of the window, 1 being the nearest candidate. Leaving out the
            first few leaves out many a positive that nobody labelled.
        margin: a negative's cosine with the query is at least this much below that of the pair's
            own target; None asks for nothing.
        guide: a second model, which has to find the target nearer to the query than the negative;
            or a tuple, as above.
        corpus: further candidates.
        block_size: queries, and candidates, that are compared at a time.

    Returns:
        The pairs with ``negatives``: 0 to ``num_negatives`` texts each. Memory, beside the
        embeddings: block_size · (block_size + 4 · last rank) numbers, and with a guide
        block_size · last rank · d.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.data import mine_negatives
        >>> from bscl_jax.types import Pairs
        >>> vectors = {"renew?": [1, 0], "extend": [1, 0.1], "fax?": [0, 1], "copy": [0.5, 1]}
        >>> embed = lambda texts: np.array([vectors[text] for text in texts], np.float32)
        >>> pairs = Pairs(["renew?", "fax?"], ["extend", "copy"])
        >>> mine_negatives(pairs, embed).negatives
        (('copy',), ('extend',))
        >>> mine_negatives(pairs, embed, margin=0.7).negatives
        ((), ('extend',))

    References:
        Xiong et al., "Approximate nearest neighbor negative contrastive learning for dense text
        retrieval", ICLR 2021, https://arxiv.org/abs/2007.00808.
        Solatorio, "GISTEmbed", 2024, https://arxiv.org/abs/2402.16829 (the guide).
    """
    _check(num_negatives, ranks, margin, block_size)
    texts: dict[str, str] = {}
    for text in [*pairs.targets, *corpus]:
        texts.setdefault(normalize_text(text), text)
    place = {key: i for i, key in enumerate(texts)}
    scores = np.ones(len(pairs.queries)) if pairs.scores is None else np.asarray(pairs.scores)
    rows = [int(row) for row in np.flatnonzero(scores > POSITIVE)]
    targets = np.array([place[normalize_text(pairs.targets[row])] for row in rows], np.int64)
    candidates = list(texts.values())
    vectors = _embedded(embed, [pairs.queries[row] for row in rows], candidates)
    near, similarities = _nearest(
        *vectors, _barred(pairs, rows, place), depth=ranks[1], block_size=block_size
    )
    fit = similarities > -np.inf
    fit[:, : ranks[0] - 1] = False
    if margin is not None:
        of_targets = np.sum(vectors[0] * vectors[1][targets], axis=1, keepdims=True)
        fit &= similarities <= of_targets - margin
    if guide is not None:
        guiding = _embedded(guide, [pairs.queries[row] for row in rows], candidates)
        fit &= _farther_than_targets(*guiding, near, targets, block_size)
    negatives: list[tuple[str, ...]] = [()] * len(pairs.queries)
    for row, found, kept in zip(rows, near, fit, strict=True):
        negatives[row] = tuple(candidates[i] for i in found[kept][:num_negatives])
    return pairs._replace(negatives=tuple(negatives))


def _check(
    num_negatives: int, ranks: tuple[int, int], margin: float | None, block_size: int
) -> None:
    if num_negatives < 1 or block_size < 1:
        raise ValueError(
            "num_negatives and block_size must be 1 or more, "
            f"got {num_negatives} and {block_size}; 5 and 1024 suit most data"
        )
    if not 1 <= ranks[0] <= ranks[1]:
        raise ValueError(
            f"ranks must be a first rank of 1 or more and a last one not before it, got {ranks}; "
            "(10, 100) leaves out what is likely an answer"
        )
    if margin is not None and not -2 <= margin <= 2:
        raise ValueError(f"margin must be a difference of cosines, -2 to 2, got {margin}")


def _embedded(
    embed: Embed | tuple[Embed, Embed], queries: Sequence[str], candidates: Sequence[str]
) -> tuple[Float[np.ndarray, "q d"], Float[np.ndarray, "c d"]]:
    """Return unit vectors, having embedded each distinct query once."""
    embed_queries, embed_candidates = by_side(embed)
    distinct = {text: i for i, text in enumerate(dict.fromkeys(queries))}
    of_queries = _unit(embed_queries(list(distinct)))[[distinct[text] for text in queries]]
    return of_queries, _unit(embed_candidates(candidates))


def _unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _barred(pairs: Pairs, rows: Sequence[int], place: dict[str, int]) -> list[list[int]]:
    """Return for each row the candidates that are no negatives, whatever their similarity."""
    positives = known_positives(pairs)
    distinct = {id(positives[row]): positives[row] for row in rows}
    places = {
        key: [place[text] for text in texts if text in place] for key, texts in distinct.items()
    }
    return [places[id(positives[row])] for row in rows]


def _nearest(
    queries: Float[np.ndarray, "q d"],
    candidates: Float[np.ndarray, "c d"],
    barred: Sequence[Sequence[int]],
    *,
    depth: int,
    block_size: int,
) -> tuple[Int64[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
    """Return the nearest candidates of each query, and their similarities, nearest first.

    Candidates that are barred, and those that are not there, have a similarity of -inf. Of equal
    similarities the earlier candidate is nearer.
    """
    k = min(depth, len(candidates))
    found = np.zeros((len(queries), k), np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    for start in range(0, len(queries), block_size):
        here = slice(start, start + block_size)
        for first in range(0, len(candidates), block_size):
            block = candidates[first : first + block_size]
            similar = (queries[here] @ block.T).astype(np.float32)
            for row, forbidden in enumerate(barred[here]):
                inside = [i - first for i in forbidden if 0 <= i - first < len(block)]
                similar[row, inside] = -np.inf
            numbers = np.broadcast_to(first + np.arange(len(block)), similar.shape)
            found[here], best[here] = _merge(
                np.concatenate([found[here], numbers], axis=1),
                np.concatenate([best[here], similar], axis=1),
                k,
            )
    return found, best


def _merge(
    numbers: Int64[np.ndarray, "q n"], similarities: Float[np.ndarray, "q n"], k: int
) -> tuple[Int64[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
    """Return the k nearest of each row, sorted; a stable sort keeps the earlier of equal ones."""
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(numbers, order, 1), np.take_along_axis(similarities, order, 1)


def _farther_than_targets(
    queries: Float[np.ndarray, "q d"],
    candidates: Float[np.ndarray, "c d"],
    near: Int64[np.ndarray, "q k"],
    targets: Int64[np.ndarray, " q"],
    block_size: int,
) -> np.ndarray:
    """Tell which of the candidates of each query are less similar to it than its target is."""
    farther = np.zeros(near.shape, bool)
    for start in range(0, len(queries), block_size):
        here = slice(start, start + block_size)
        similar = np.einsum("qd,qkd->qk", queries[here], candidates[near[here]])
        own = np.einsum("qd,qd->q", queries[here], candidates[targets[here]])
        farther[here] = similar < own[:, None]
    return farther
