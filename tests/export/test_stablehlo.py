"""The encoder as a program that runs without this project."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jax.export
import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders, export
from bscl_jax.encoders import _kernels
from bscl_jax.types import TokenBatch
from tests.encoders.families import write_folder

TEXTS = ["how to renew a book", "a", "book a book, how?", "a book " * 20]
SCRIPT = """
import json, sys, numpy as np, jax.export, tokenizers
tokenizer = tokenizers.Tokenizer.from_file("model/tokenizer.json"); tokenizer.enable_padding()
facts = json.load(open("model/tokenizer_config.json"))
side = facts.get("truncation_side", "right")
tokenizer.enable_truncation(facts["model_max_length"], direction=side)
encode = jax.export.deserialize(bytearray(open("encoder.stablehlo", "rb").read())).call
found = tokenizer.encode_batch(sys.argv[1:])
ids, mask = zip(*((each.ids, each.attention_mask) for each in found))
np.save("vectors.npy", encode(np.array(ids, np.int32), np.array(mask, bool)))
assert "bscl_jax" not in sys.modules
"""


@pytest.fixture(scope="module")
def made():
    return encoders.random(TEXTS, seed=0, hidden_size=16, max_length=16)


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stablehlo")
    export.sentence_transformers(folder / "model", *made, card="# An encoder")
    export.stablehlo(folder / "encoder.stablehlo", *made)
    return folder


def test_a_program_for_several_platforms_holds_no_kernel_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kernels, "runs_kernels", lambda device: True)
    encoder, params = encoders.random(TEXTS, seed=0, max_length=16, dtype="bfloat16")
    ids = np.array([encoder.tokenize(TEXTS)[0]], np.int32)
    jaxpr = jax.make_jaxpr(encoder.apply)(params, TokenBatch(ids, ids >= 0))
    assert "custom_vjp" in str(jaxpr)  # the kernel
    export.stablehlo(tmp_path / "encoder.stablehlo", encoder, params, platforms=["cpu", "cuda"])
    vectors = read(tmp_path / "encoder.stablehlo").call(ids, ids >= 0)
    found = encoder.with_attention("plain").apply(params, TokenBatch(ids, ids >= 0))
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, unit, atol=1e-2)


def read(path: Path):
    return jax.export.deserialize(bytearray(path.read_bytes()))


def test_a_script_without_this_project_embeds_texts(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, *TEXTS], cwd=folder, check=True)
    vectors = np.load(folder / "vectors.npy")
    expected = SentenceEncoder.load(folder / "model").encode(TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_script_cuts_on_the_side_that_the_folder_names(
    made, folder: Path, tmp_path: Path
) -> None:
    export.sentence_transformers(tmp_path / "right", *made, card="# An encoder")
    path = tmp_path / "right" / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation_side": "left"}))
    export.sentence_transformers(
        tmp_path / "model", *encoders.load(tmp_path / "right"), card="# An encoder"
    )
    (tmp_path / "encoder.stablehlo").symlink_to(folder / "encoder.stablehlo")
    text = f"renew {TEXTS[-1]} how"
    subprocess.run([sys.executable, "-c", SCRIPT, text], cwd=tmp_path, check=True)
    expected = SentenceEncoder.load(tmp_path / "model").encode([text])
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected, atol=1e-6)


@pytest.mark.parametrize(("texts", "length"), [(1, 1), (2, 16), (5, 7)])
def test_it_takes_any_number_of_texts_of_any_length(
    made, folder: Path, texts: int, length: int
) -> None:
    encoder, params = made
    ids = np.random.default_rng(0).integers(0, 5, (texts, length), np.int32)
    mask = np.arange(length) < np.arange(1, texts + 1)[:, None]
    vectors = read(folder / "encoder.stablehlo").call(ids, mask)
    raw = encoder.apply(params, TokenBatch(ids, mask))
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_it_runs_on_every_platform_and_refuses_longer_texts(folder: Path) -> None:
    program = read(folder / "encoder.stablehlo")
    assert set(program.platforms) == {"cpu", "cuda", "tpu"}
    with pytest.raises(ValueError, match="refining shapes"):
        program.call(np.zeros((1, 17), np.int32), np.ones((1, 17), bool))


@pytest.mark.parametrize("name", ["mpnet", "modernbert", "deberta"])
def test_lengths_stay_open_in_families_with_distances(name: str, tmp_path: Path) -> None:
    encoder, params = encoders.load(write_folder(tmp_path / name, name))
    export.stablehlo(tmp_path / "encoder.stablehlo", encoder, params, platforms=["cpu"])
    program = read(tmp_path / "encoder.stablehlo")
    for texts in (["how"], ["how to renew a book", "renew"]):
        found = encoder.tokenize(texts)
        length = max(map(len, found))
        ids = np.array([each + [encoder.pad_id] * (length - len(each)) for each in found], np.int32)
        mask = np.arange(length) < np.array([[len(each)] for each in found])
        raw = encoder.apply(params, TokenBatch(ids, mask))
        expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        np.testing.assert_allclose(program.call(ids, mask), expected, atol=1e-6)


def test_embeddings_may_be_left_as_they_are(made, tmp_path: Path) -> None:
    encoder, params = made
    path = tmp_path / "new" / "raw.stablehlo"
    export.stablehlo(path, encoder, params, normalize=False, platforms=["cpu"])
    ids = np.array(encoder.tokenize(TEXTS[:1]), np.int32)
    mask = np.ones(ids.shape, bool)
    np.testing.assert_allclose(
        read(path).call(ids, mask), encoder.apply(params, TokenBatch(ids, mask)), atol=1e-6
    )
    assert [each.name for each in path.parent.iterdir()] == ["raw.stablehlo"]


@pytest.mark.parametrize("platforms", [[], ["abacus"]])
def test_a_platform_must_be_known(made, tmp_path: Path, platforms: list[str]) -> None:
    with pytest.raises(ValueError, match="platform"):
        export.stablehlo(tmp_path / "none", *made, platforms=platforms)
    assert not [*tmp_path.iterdir()]


def test_prompts_that_are_not_pooled_are_refused(made, tmp_path: Path) -> None:
    encoder, params = made
    prompts = encoder.prompts.having(query="how ")
    apart = dataclasses.replace(encoder, include_prompt=False, prompts=prompts)
    with pytest.raises(ValueError, match=r"does not pool \(include_prompt: false\)"):
        export.stablehlo(tmp_path / "none", apart, params)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("include", "prompt"), [(True, "how "), (False, "")])
def test_prompts_that_are_pooled_or_empty_do_no_harm(
    made, tmp_path: Path, include: bool, prompt: str
) -> None:
    encoder, params = made
    prompts = encoder.prompts.having(query=prompt)
    same = dataclasses.replace(encoder, include_prompt=include, prompts=prompts)
    export.stablehlo(tmp_path / "encoder.stablehlo", same, params, platforms=["cpu"])
    ids = np.array(encoder.tokenize(TEXTS[:1], prompt=prompt), np.int32)
    assert read(tmp_path / "encoder.stablehlo").call(ids, ids >= 0).shape == (1, 16)
