"""Each distinct text embedded once, however often it is asked for."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np

from bscl_jax.evaluation._embed import Embed, unit_rows

Vectors = Callable[[Sequence[str]], np.ndarray]
"""Texts → their embeddings, each of length 1."""


def look_up(
    embed: Embed | tuple[Embed, Embed], queries: Iterable[str], targets: Iterable[str]
) -> tuple[Vectors, Vectors]:
    """Embed the distinct texts of both sides, once.

    Args:
        embed: texts → float32 ``(n, d)``; a tuple of two embeds the queries with the first, the
            targets with the second. One for both embeds a text that is on both sides once.
        queries: all that will be asked for on the one side, with repetitions.
        targets: the same for the other.

    Returns:
        ``(of_queries, of_targets)``, functions from such texts to their unit vectors ``(n, d)``.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.evaluation import look_up
        >>> lengths = lambda texts: np.array([[len(text), 0.0] for text in texts])
        >>> of_queries, of_targets = look_up(lengths, ["renew", "renew"], ["desk"])
        >>> of_queries(["renew"]).tolist()
        [[1.0, 0.0]]
    """
    if not isinstance(embed, tuple):
        both = _look_up(embed, chain(queries, targets))
        return both, both
    return _look_up(embed[0], queries), _look_up(embed[1], targets)


def _look_up(embed: Embed, texts: Iterable[str]) -> Vectors:
    place: dict[str, int] = {}
    for text in texts:
        place.setdefault(text, len(place))
    embeddings = embed(list(place))
    with np.errstate(over="ignore", invalid="ignore"):  # of a model that overflows
        unit = unit_rows(embeddings)
    return lambda asked: unit[[place[text] for text in asked]]
