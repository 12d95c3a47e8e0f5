"""Embeddings kept on disk, so that a later start need not embed the same texts again."""

import contextlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bscl_jax import data
from bscl_jax.evaluation._embed import Embed

FEWEST = 256
"""Fewer texts are embedded faster than it is worth to keep their embeddings."""

LARGEST = 2**30
"""Bytes of the folder; beyond them what was used longest ago is deleted, and no more is kept."""


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
        path = self.folder / f"{data.hash_texts(texts, self.fingerprint)}.npz"
        found = _read(path)
        if found is None:
            found = self.embed(texts)
            with contextlib.suppress(OSError):
                _write(path, found)
        return found


def _read(path: Path) -> np.ndarray | None:
    """Return what is kept under a name, used now; None where it is nothing or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:  # which compares checksums
            found = arrays["embeddings"]
        os.utime(path)
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None  # RuntimeError: damage that looks like encryption or a newer form of zip
    return found


def _write(path: Path, embeddings: np.ndarray) -> None:
    """Write aside and rename, in the place of what was used longest ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {each: each.stat() for each in path.parent.glob("*.npz")}
    total = sum(facts.st_size for facts in kept.values()) + embeddings.nbytes
    for each in sorted(kept, key=lambda each: kept[each].st_mtime_ns):
        if total <= LARGEST:
            break
        total -= kept[each].st_size
        each.unlink(missing_ok=True)
    if total > LARGEST:
        return
    aside = path.with_name(f"unfinished-{os.getpid()}-{path.name}")
    try:
        np.savez(aside, embeddings=embeddings)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
