"""Embeddings kept on disk, so that a later start need not embed the same texts again."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bscl_jax import data
from bscl_jax.evaluation._embed import Embed

FEWEST = 64
"""Fewer texts are embedded faster than it is worth to keep their embeddings."""


@dataclass(frozen=True)
class EmbeddingCache:
    """An ``embed`` function whose answers are kept in a folder, which may be deleted at any time.

    The answer to a whole list of texts is kept, not the embedding of each: its last bits depend on
    the texts with which it is embedded, and a run with the cache must be one without it, bit for
    bit. What is read back is checked: what is damaged is made anew. Where nothing can be written
    nothing is kept.

    Attributes:
        folder: where, made when it is needed; several runs may share it.
        embed: from texts to their embeddings.
        fingerprint: what tells this function from any other: weights, program and machine.

    Example:
        >>> import tempfile, pathlib
        >>> from bscl_jax.evaluation import EmbeddingCache
        >>> letters = lambda texts: np.array([[t.count("a"), t.count("b")] for t in texts], "f4")
        >>> cache = EmbeddingCache(pathlib.Path(tempfile.mkdtemp()), letters, "letters a and b")
        >>> cache(["abba"] * 300)[0].tolist()
        [2.0, 2.0]
    """

    folder: Path
    embed: Embed
    fingerprint: str

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the embeddings of texts, as they were kept or else by the function."""
        if len(texts) < FEWEST:
            return self.embed(texts)
        path = self.folder / data.hash_texts(texts, self.fingerprint)
        if (content := data.recall_file(path)) is not None:
            return np.load(io.BytesIO(content))
        embeddings, file = self.embed(texts), io.BytesIO()
        np.save(file, embeddings)
        with contextlib.suppress(OSError):
            data.keep_file(path, file.getvalue())
        return embeddings
