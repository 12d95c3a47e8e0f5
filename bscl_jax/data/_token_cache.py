"""Token ids kept on disk, so that a later start need not tokenize the same texts again."""

import contextlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bscl_jax.data._hash import hash_texts
from bscl_jax.data._ragged import Ragged, Tokenize, tokenize_all

FEWEST = 20_000
"""Fewer texts are tokenized faster than it is worth to keep their ids."""

_ARRAYS = {"flat": "<i4", "offsets": "<i8"}
"""Files of bare numbers, by type: with no header the checksums cover every byte."""

_FACTS = "checksums.json"


@dataclass(frozen=True)
class TokenCache:
    """A tokenizer whose answers are kept in a folder, which may be deleted at any time.

    What is read back is mapped into memory, and checked: what is damaged is made anew. Where
    nothing can be written nothing is kept.

    Attributes:
        folder: where, made when it is needed; several runs may share it.
        tokenize: from texts to their token ids.
        fingerprint: what tells this tokenizer, with its settings and prompt, from any other.

    Example:
        >>> import tempfile, pathlib
        >>> from bscl_jax.data import TokenCache
        >>> tokenize = lambda texts: [[1, *(len(word) for word in t.split()), 2] for t in texts]
        >>> cache = TokenCache(pathlib.Path(tempfile.mkdtemp()), tokenize, "word lengths")
        >>> cache.tokenize_all(["renew online?"])[0].tolist()
        [1, 5, 7, 2]
    """

    folder: Path
    tokenize: Tokenize
    fingerprint: str

    def tokenize_all(self, texts: Sequence[str]) -> Ragged:
        """Return the token ids of texts, as they were kept or else by the tokenizer.

        Raises:
            ValueError: the tokenizer returns another number of rows or a row without tokens.
        """
        if len(texts) < FEWEST:
            return tokenize_all(texts, self.tokenize)
        place = self.folder / hash_texts(texts, self.fingerprint)
        found = _read(place, len(texts))
        if found is None:
            found = tokenize_all(texts, self.tokenize)
            with contextlib.suppress(OSError):
                _write(place, found)
        return found


def _read(place: Path, count: int) -> Ragged | None:
    """Return what is kept at a place; None where that is nothing, or not what was written."""
    try:
        wanted = json.loads((place / _FACTS).read_text())
        arrays = [np.memmap(place / name, kind, mode="r") for name, kind in _ARRAYS.items()]
    except (OSError, ValueError):
        return None
    rows = Ragged(*(array.view(np.ndarray) for array in arrays))
    return rows if len(rows) == count and _checksums(rows) == wanted else None


def _write(place: Path, rows: Ragged) -> None:
    """Write aside and rename; where another run was faster, its files stay."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix="unfinished-", dir=place.parent))
    try:
        for name, kind in _ARRAYS.items():
            getattr(rows, name).astype(kind, copy=False).tofile(aside / name)
        (aside / _FACTS).write_text(json.dumps(_checksums(rows)))
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _checksums(rows: Ragged) -> dict[str, int]:
    return {name: zlib.crc32(np.ascontiguousarray(getattr(rows, name)).data) for name in _ARRAYS}
