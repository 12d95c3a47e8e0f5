"""Folders of sentence-transformers against its own vectors (make_layout_golden.py)."""

from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders
from tests.golden.layout_folders import TEXTS, VARIANTS, write_folder

TOLERANCE = 2e-5  # absolute, on values of order 1 to 10
FACTS = (
    "dimension",
    "max_length",
    "normalize",
    "pooling",
    "dense",
    "prompts",
    "include_prompt",
    "similarity",
)
PROMPTS = {
    "plain": {},
    "named": {"prompt_name": "query"},
    "given": {"prompt": "renew the "},
    "empty": {"prompt": ""},
}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(variant)
    write_folder(folder, variant)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> SentenceEncoder:
    return SentenceEncoder.load(folder)


@pytest.fixture(scope="module")
def golden(variant: str) -> dict[str, np.ndarray]:
    numbers = np.load(Path(__file__).parent / "layouts.npz")
    names = [*PROMPTS, "similarity"]
    return {name: numbers[f"{variant}/{name}"] for name in names}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_vectors_are_those_of_sentence_transformers(
    model: SentenceEncoder, golden: dict[str, np.ndarray], prompt: str
) -> None:
    found = model.encode(TEXTS, **PROMPTS[prompt])
    np.testing.assert_allclose(found, golden[prompt], rtol=TOLERANCE, atol=TOLERANCE)


def test_similarities_are_those_of_sentence_transformers(
    model: SentenceEncoder, golden: dict[str, np.ndarray]
) -> None:
    found = model.similarity(golden["plain"], golden["plain"])
    # A distance of 0 is the root of what rounding leaves.
    np.testing.assert_allclose(found, golden["similarity"], rtol=TOLERANCE, atol=1e-3)


def test_saved_and_loaded_again_it_is_the_same_model(
    model: SentenceEncoder, folder: Path, tmp_path: Path
) -> None:
    encoders.save(tmp_path / "model", model.encoder, model.params)
    again, params = encoders.load(tmp_path / "model")
    jax.tree.map(np.testing.assert_array_equal, params, encoders.load(folder)[1])
    for fact in FACTS:
        assert getattr(again, fact) == getattr(model.encoder, fact)
    assert again.tokenize(TEXTS) == model.encoder.tokenize(TEXTS)
