"""Texts that are made up, with lengths like those of sentences, and models for them."""

from typing import Any

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


def make_model(
    shape: tuple[int, int, int], *, dtype: str = "float32", attention: str | None = None
) -> tuple[Any, Any]:
    """Make an encoder of so many layers, features and heads, with new weights.

    Every word is a token of its own; texts have up to 512 tokens. With None for ``attention`` it is
    what the library takes by itself.
    """
    from bscl_jax import encoders

    layers, features, heads = shape
    return encoders.random(
        vocabulary(),
        seed=0,
        num_layers=layers,
        hidden_size=features,
        num_heads=heads,
        vocab_size=2 * WORDS,
        max_length=512,
        dtype=dtype,
        **({} if attention is None else {"attention": attention}),
    )
