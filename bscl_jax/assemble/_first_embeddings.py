"""Embeddings by the parameters before training, which one start keeps for the next."""

import hashlib
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from bscl_jax import evaluation
from bscl_jax.assemble._towers import Embed, Embeds, Tower, Towers
from bscl_jax.types import Params


def keep_first(
    embeds: Embeds, towers: Towers, first: Params, folder: Path, mesh: Mesh, batch_size: int
) -> Embeds:
    """Keep in a folder what the parameters before training make of texts.

    Scores before training and the first order need nothing else, and a run that is started again,
    with another loss perhaps, begins with them. Several processes embed together and keep nothing.

    Args:
        embeds: the functions that embed, of ``make_embeds``.
        towers: what the texts go through.
        first: the parameters before training; they are known by being this very object.
        folder: an ``evaluation.EmbeddingCache``.
        mesh: as in ``make_embeds``.
        batch_size: as there.
    """
    if jax.process_count() > 1:
        return embeds

    def keep(embed: Embed, tower: Tower) -> Embed:
        def cached() -> evaluation.EmbeddingCache:
            told_apart = fingerprint(tower, first, mesh, batch_size)
            return evaluation.EmbeddingCache(folder, lambda texts: embed(first, texts), told_apart)

        once = cache(cached)  # not before it is needed, which a first order may do without

        def embed_or_recall(params: Params, texts: Sequence[str]) -> np.ndarray:
            return once()(texts) if params is first else embed(params, texts)

        return embed_or_recall

    queries = keep(embeds.queries, towers.queries)
    if embeds.targets is embeds.queries:
        return Embeds(queries, queries)
    return Embeds(queries, keep(embeds.targets, towers.targets))


def fingerprint(tower: Tower, params: Params, mesh: Mesh, batch_size: int) -> str:
    """Describe all that an embedding depends on besides its text, to its last bit."""
    settings: Any = jax.config  # its attributes are made at run time
    encoder, weights = tower.model(params)
    values = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(weights):
        array = np.ascontiguousarray(leaf)
        values.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        values.update(array.view(np.uint8).data)
    described = (
        *(encoder, encoder.module, encoder.tokenizer_digest, tower.prompt, values.hexdigest()),
        *(source_digest(), jax.__version__, settings.jax_default_matmul_precision),
        *(batch_size, [device.device_kind for device in mesh.devices.flat], processor()),
        *(os.environ.get(name) for name in ("XLA_FLAGS", "NPROC")),
    )
    return "\n".join(map(str, described))


@cache
def source_digest() -> str:
    """Return the SHA-256 of this package's source, of which each commit may round otherwise."""
    digest, root = hashlib.sha256(), Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def processor() -> str:
    """Describe the processor, for whose instructions XLA compiles, and how much of it there is."""
    described = [platform.processor(), str(os.cpu_count())]
    with suppress(OSError, AttributeError):  # elsewhere than on Linux
        described.append(str(len(os.sched_getaffinity(0))))
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        described += [line for line in lines if line.startswith(("model name", "flags"))][:2]
    return " ".join(described)
