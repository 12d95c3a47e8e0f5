"""Exports against what sentence-transformers loaded and made of them (make_export_golden.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import SentenceEncoder
from tests.golden.exported import TEXTS, WRITERS, describe, export_model
from tests.golden.layout_folders import VARIANTS

ENCODED = [*VARIANTS, "roberta", "modernbert"]
"""Exports that are loaded here: every layout, and families that share least with these."""
COSINE_FLOOR = 0.999999
ROUNDING = 0.01  # of a sum over a tensor, whose values are drawn with the machine's own logarithm


@pytest.fixture(scope="module")
def golden():
    return np.load(Path(__file__).parent / "export.npz")


@pytest.mark.parametrize("name", WRITERS)
def test_the_files_are_those_that_sentence_transformers_loaded(name, golden, tmp_path) -> None:
    export_model(tmp_path / name, name)
    found, expected = describe(tmp_path / name), json.loads(str(golden[f"{name}/files"]))
    assert found.keys() == expected.keys()
    for file, content in expected.items():
        if not file.endswith(".safetensors"):
            assert found[file] == content, file
            continue
        assert found[file].keys() == content.keys(), file
        for tensor, (*kind, total) in content.items():
            assert found[file][tensor] == [*kind, pytest.approx(total, abs=ROUNDING)], tensor


@pytest.mark.parametrize("name", ENCODED)
def test_loaded_here_it_gives_the_vectors_of_sentence_transformers(name, golden, tmp_path) -> None:
    export_model(tmp_path / name, name)
    ours = SentenceEncoder.load(tmp_path / name).encode(TEXTS)
    theirs = golden[f"{name}/vectors"]
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    assert ((ours * theirs).sum(axis=1) / norms).min() >= COSINE_FLOOR
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1), 1e-5)
