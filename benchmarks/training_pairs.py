"""The pairs that all contenders of ``training.py`` train on, in one file."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bscl_jax.encoders import Encoder
from bscl_jax.types import Pairs


def write_pairs(folder: Path, pairs: Pairs, encoder: Encoder, length: int | None) -> Path:
    """Write pairs in random order, a JSON line each, and return the file.

    With a length every text has so many tokens, of an encoder that cuts them there.
    """
    order = np.random.default_rng(0).permutation(len(pairs.queries))
    sides = [[texts[row] for row in order] for texts in (pairs.queries, pairs.targets)]
    if length:
        sides = [fill(texts, encoder, length) for texts in sides]
    path = folder / "pairs.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for query, target in zip(*sides, strict=True):
            file.write(json.dumps({"query": query, "target": target}) + "\n")
    return path


def fill(texts: Sequence[str], encoder: Encoder, length: int) -> list[str]:
    """Append to each text those that follow it, until the encoder finds tokens enough."""
    filled, after = list(texts), 1
    while short := [i for i, ids in enumerate(encoder.tokenize(filled)) if len(ids) < length]:
        for i in short:
            filled[i] += " " + texts[(i + after) % len(texts)]
        after += 1
    return filled
