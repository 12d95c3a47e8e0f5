"""What a run has read: a hash of the texts and scores of each split, whatever file held them."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from bscl_jax.types import EvaluationSet, Pairs, Task

NO_CONTENT = frozenset({"depths", "threshold", "fit"})
"""Fields that say how a set is measured, not what is in it; ``fit`` is a set of its own."""


def hash_splits(task: Task) -> dict[str, str]:
    """Hash each split of a task: the texts as they were read, in their order, and the scores.

    SHA-256 of a line a field (``queries``, ``targets``, …) and under it a line an entry, as JSON in
    ASCII. So it is the same for the same rows in a file of any format with its columns in any
    order, and another for another order of the rows, which training may depend on.

    Args:
        task: the task as it was loaded.

    Returns:
        64 hexadecimal digits for ``"train"`` and for each set of dev and test, ``"dev/pairs"``.

    Example:
        >>> from bscl_jax.data import hash_splits
        >>> from bscl_jax.types import Pairs, ScoredPairs, Task
        >>> dev = {"pairs": ScoredPairs(["renew?"], ["extend"], [5.0])}
        >>> found = hash_splits(Task(Pairs(["renew?"], ["opening hours"]), dev, {}))
        >>> {name: digest[:8] for name, digest in found.items()}
        {'train': 'd45d179a', 'dev/pairs': '4776d1a3'}

    References:
        SHA-256, FIPS 180-4.
    """
    hashes = {"train": _hash(task.train)}
    parts: Mapping[str, Mapping[str, EvaluationSet]] = {"dev": task.dev, "test": task.test}
    for part, sets in parts.items():
        hashes |= {f"{part}/{name}": _hash(each) for name, each in sets.items()}
    return hashes


def _hash(rows: Pairs | EvaluationSet) -> str:
    digest, encode = sha256(), json.JSONEncoder().encode
    for field, entries in rows._asdict().items():
        if field not in NO_CONTENT and entries is not None:
            digest.update(f"{field}\n".encode())
            for entry in entries:
                digest.update(f"{encode(entry)}\n".encode())
    return digest.hexdigest()


def hash_texts(texts: Sequence[str], fingerprint: str) -> str:
    """Hash texts in their order, and what is done with them.

    Args:
        texts: the texts; unpaired surrogates may be in them.
        fingerprint: what tells apart whatever has another answer to the same texts.

    Returns:
        64 hexadecimal digits, the SHA-256 of the fingerprint and of each text after its length.

    Example:
        >>> from bscl_jax.data import hash_texts
        >>> hash_texts(["a", "bc"], "word lengths") == hash_texts(["ab", "c"], "word lengths")
        False

    References:
        SHA-256, FIPS 180-4.
    """
    digest = sha256(fingerprint.encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()
