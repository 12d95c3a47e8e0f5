"""Some of many texts, drawn by hash: the same ones on every machine, whatever their order."""

from collections.abc import Sequence
from hashlib import blake2b


def draw(texts: Sequence[str], num: int, *, seed: int) -> list[int]:
    """Draw positions without replacement.

    The texts are ordered by the BLAKE2b hash of seed and text, and the first are taken. So the
    draw does not depend on a library's generator, and a text that is added displaces one at most.

    Args:
        texts: n texts; of equal ones, the first comes first.
        num: how many to draw; all, where there are fewer.
        seed: another one draws others.

    Returns:
        ``min(num, n)`` positions, rising.

    Example:
        >>> from bscl_jax.data.tasks._draw import draw
        >>> draw(["renew", "fax", "park", "print"], 2, seed=0) == draw(
        ...     ["renew", "fax", "park", "print"], 2, seed=0
        ... )
        True
    """
    digests = [blake2b(f"{seed}\n{text}".encode(), digest_size=8).digest() for text in texts]
    return sorted(sorted(range(len(texts)), key=digests.__getitem__)[:num])
