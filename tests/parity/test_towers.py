"""What is trained apart for queries and documents, as sentence-transformers encodes them."""

import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np

from bscl_jax import SentenceEncoder, encoders

TOLERANCE = 1e-5
TEXTS = ["how do I renew a book", "the reading room closes at nine", "renew", ""]
ENCODE = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
texts, vectors = json.loads(sys.argv[1]), {}
for folder in sys.argv[2:]:
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    vectors[folder + "/query"] = model.encode_query(texts)
    vectors[folder + "/document"] = model.encode_document(texts)
np.savez(sys.argv[2] + "/vectors.npz", **vectors)
"""


def encode_there(torch_python: str, *folders: Path) -> dict[str, np.ndarray]:
    command = [torch_python, "-c", ENCODE, json.dumps(TEXTS), *map(str, folders)]
    subprocess.run(command, check=True, capture_output=True)
    return dict(np.load(folders[0] / "vectors.npz"))


def test_prompts_by_role_give_the_vectors_of_encode_query_and_encode_document(
    torch_python: str, tmp_path: Path
) -> None:
    for name, include_prompt in (("pooled", True), ("left out", False)):
        encoder, params = encoders.random(["find: about it: ", *TEXTS], seed=1, hidden_size=16)
        prompts = encoder.prompts.having(query="find: ", document="about it: ")
        encoder = dataclasses.replace(encoder, prompts=prompts, include_prompt=include_prompt)
        encoders.save(tmp_path / name, encoder, params)
    theirs = encode_there(torch_python, tmp_path / "pooled", tmp_path / "left out")
    for name in ("pooled", "left out"):
        model = SentenceEncoder.load(tmp_path / name)
        for role in ("query", "document"):
            ours = model.encode(TEXTS, prompt_name=role)
            wanted = theirs[f"{tmp_path / name}/{role}"]
            np.testing.assert_allclose(ours, wanted, rtol=0, atol=TOLERANCE)


def test_towers_of_two_encoders_are_a_router_with_a_route_for_each(
    torch_python: str, tmp_path: Path
) -> None:
    """Of other sizes, poolings, vocabularies, lengths and prompts."""
    queries = encoders.random(["find: ", *TEXTS], seed=1, hidden_size=16, pooling="cls")
    encoder, params = encoders.random(TEXTS[1:], seed=2, max_length=9, normalize=False)
    documents = encoders.add_projection(encoder, params, out_features=16, seed=2)
    prompted = dataclasses.replace(queries[0], prompts=queries[0].prompts.having(query="find: "))
    encoders.save_router(tmp_path / "model", (prompted, queries[1]), documents)
    theirs = encode_there(torch_python, tmp_path / "model")
    for role in ("query", "document"):
        model = SentenceEncoder.load(tmp_path / "model" / role)
        wanted = theirs[f"{tmp_path / 'model'}/{role}"]
        ours = model.encode(TEXTS, prompt_name=role)
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=TOLERANCE)
    assert np.abs(theirs[f"{tmp_path / 'model'}/query"] - wanted).max() > TOLERANCE
