"""Embeddings by the parameters before training, which one start keeps for the next."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh

from bscl_jax import evaluation
from bscl_jax.assemble._fingerprint import describe_model, describe_surroundings
from bscl_jax.assemble._towers import Embed, Embeds, Tower, Towers
from bscl_jax.types import Params


def keep_first(
    embeds: Embeds,
    towers: Towers,
    first: Params,
    folder: Path | None,
    mesh: Mesh,
    batch_size: int,
) -> Embeds:
    """Keep in a folder what the parameters before training make of texts.

    Scores before training and the first order need nothing else, and a run that is started again,
    with another loss perhaps, begins with them. Several processes embed together and keep nothing.

    Args:
        embeds: the functions that embed, of ``make_embeds``.
        towers: what the texts go through.
        first: the parameters before training; they are known by being this very object.
        folder: that of an ``evaluation.EmbeddingCache``; None keeps nothing.
        mesh: as in ``make_embeds``.
        batch_size: as there.
    """
    if folder is None or jax.process_count() > 1:
        return embeds

    def keep(embed: Embed, tower: Tower) -> Embed:
        def cached() -> evaluation.EmbeddingCache:
            described = describe_model(tower, first), describe_surroundings(mesh), batch_size
            fingerprint = "\n".join(map(str, described))
            return evaluation.EmbeddingCache(folder, lambda texts: embed(first, texts), fingerprint)

        once = cache(cached)  # not before it is needed, which a first order may do without

        def embed_or_recall(params: Params, texts: Sequence[str]) -> np.ndarray:
            return once()(texts) if params is first else embed(params, texts)

        return embed_or_recall

    queries = keep(embeds.queries, towers.queries)
    if embeds.targets is embeds.queries:
        return Embeds(queries, queries)
    return Embeds(queries, keep(embeds.targets, towers.targets))
