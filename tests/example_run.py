"""A config and a few pairs, for the tests of what a config is made into."""

import numpy as np

from bscl_jax import config
from bscl_jax.types import Pairs

TEXT = """
run: {dir: runs/example, seed: 3}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: batch_softmax}
shuffling: {kind: random}
evaluation: {measure: desk/mrr}
"""


def parse(*overrides: str) -> config.Config:
    return config.parse(TEXT, overrides)


PAIRS = Pairs(
    queries=[f"query {i}" for i in range(11)] + ["query 0"],
    targets=[f"target {i % 4}" for i in range(12)],
)


def embed(params, texts):
    """Embed texts by their letters, in two features that depend on params."""
    codes = np.array([[sum(map(ord, text)), len(text) * ord(text[-1])] for text in texts], float)
    return np.stack([np.cos(params * codes[:, 0]), np.sin(codes[:, 1])], axis=1) * params
