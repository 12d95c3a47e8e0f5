"""What SentenceEncoder.encode makes of embeddings, and what sentence-transformers makes of them.

sentence-transformers runs in a Python of its own (``conftest.py``).
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders
from bscl_jax.evaluation import find_ranges, quantize

ELEMENT_TOLERANCE = 1e-5
TEXTS = [f"Can I renew {i} books{' or more' * (i % 5)}?" for i in range(30)]
DIM = 11
THEIRS = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.quantization import quantize_embeddings
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
texts, dim = json.loads(sys.argv[2]), int(sys.argv[3])
found = {
    f"{normalize}": model.encode(texts, truncate_dim=dim, normalize_embeddings=normalize)
    for normalize in (False, True)
}
for precision in ("float32", "int8", "uint8", "binary", "ubinary"):
    found[precision] = quantize_embeddings(found["False"], precision)
    found[f"{precision}/first"] = quantize_embeddings(
        found["False"], precision, calibration_embeddings=found["False"][:9]
    )
np.savez(sys.argv[4], **found)
"""


@pytest.fixture(scope="module", params=[True, False], ids=["unit vectors", "as they are"])
def model_and_theirs(
    request: pytest.FixtureRequest, torch_python: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SentenceEncoder, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("parity")
    made = encoders.random(TEXTS, seed=1, num_layers=1, normalize=request.param)
    encoders.save(folder / "model", *made)
    arguments = [str(folder / "model"), json.dumps(TEXTS), str(DIM), str(folder / "theirs.npz")]
    subprocess.run([torch_python, "-c", THEIRS, *arguments], check=True, capture_output=True)
    model = SentenceEncoder.load(folder / "model", devices=1)
    return model, dict(np.load(Path(folder, "theirs.npz")))


def test_vectors_are_cut_as_theirs(model_and_theirs):
    model, theirs = model_and_theirs
    ours = model.encode(TEXTS, truncate_dim=DIM)
    np.testing.assert_allclose(ours, theirs["False"], rtol=0, atol=ELEMENT_TOLERANCE)


def test_vectors_are_scaled_after_the_cut_as_theirs(model_and_theirs):
    model, theirs = model_and_theirs
    ours = model.encode(TEXTS, truncate_dim=DIM, normalize=True)
    np.testing.assert_allclose(ours, theirs["True"], rtol=0, atol=ELEMENT_TOLERANCE)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "binary", "ubinary"])
def test_bytes_are_theirs(model_and_theirs, dtype):
    given = model_and_theirs[1]
    np.testing.assert_array_equal(quantize(given["False"], dtype), given[dtype])
    of_first = quantize(given["False"], dtype, ranges=find_ranges(given["False"][:9]))
    np.testing.assert_array_equal(of_first, given[f"{dtype}/first"])
