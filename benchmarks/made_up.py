"""Texts that are made up, with lengths like those of sentences."""

import numpy as np

WORDS = 5000


def vocabulary() -> list[str]:
    """Return all words."""
    return [f"w{word}" for word in range(WORDS)]


def make_texts(count: int) -> list[str]:
    """Make up texts of a few words up to some 60, twelve on average."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.4, 0.5, count).astype(int), 3, 60)
    words = random.integers(WORDS, size=int(lengths.sum()))
    cut = np.split(words, np.cumsum(lengths)[:-1])
    return [" ".join(f"w{word}" for word in text) for text in cut]
