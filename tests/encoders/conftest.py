import json
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.types import TokenBatch

TEXTS = [
    "how do I renew a book",
    "the reading room closes at nine",
    "renew",
    "is there a fine for a late book",
]
MIXED = ["How do I RENEW a book?", "Über café", "图书 book", "", "closes\tat nine\u200b"]


def change_json(path: Path, **facts) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def pad(encoder: encoders.Encoder, texts: list[str], length: int) -> TokenBatch:
    rows = encoder.tokenize(texts)
    ids = np.full((len(rows), length), encoder.pad_id, np.int32)
    mask = np.zeros((len(rows), length), bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, True
    return TokenBatch(ids, mask)


@pytest.fixture(scope="session")
def small():
    """A tiny encoder, its parameters and its compiled apply."""
    encoder, params = encoders.random(TEXTS, seed=0, hidden_size=16)
    return encoder, params, jax.jit(encoder.apply)


@pytest.fixture(scope="session")
def batch(small) -> TokenBatch:
    return pad(small[0], TEXTS, 12)


@pytest.fixture(scope="session")
def saved(small, tmp_path_factory: pytest.TempPathFactory):
    """A folder with the tiny encoder; copy it before changing anything."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    encoders.save(folder, small[0], small[1])
    return folder
