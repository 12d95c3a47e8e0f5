import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders

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


def test_the_model_says_whether_vectors_have_length_one(model: SentenceEncoder) -> None:
    norms = np.linalg.norm(model.encode(TEXTS), axis=1)
    np.testing.assert_allclose(norms, 1, atol=ROUNDING)


def test_the_caller_may_ask_for_vectors_as_they_are(model: SentenceEncoder) -> None:
    raw = model.encode(TEXTS, normalize=False)
    norms = np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.abs(norms - 1).max() > 0.1
    np.testing.assert_allclose(raw / norms, model.encode(TEXTS), atol=ROUNDING)


def test_similarity_is_the_cosine_of_every_a_with_every_b(model: SentenceEncoder) -> None:
    a, b = model.encode(TEXTS[:2], normalize=False), model.encode(TEXTS, normalize=False)
    expected = (a @ b.T) / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    np.testing.assert_allclose(model.similarity(a, b), expected, atol=ROUNDING)


def test_similarity_takes_texts_and_single_ones_too(model: SentenceEncoder) -> None:
    assert model.similarity(TEXTS, TEXTS[:2]).shape == (len(TEXTS), 2)
    assert model.similarity("park", model.encode("park")) == pytest.approx(1, abs=ROUNDING)


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


def test_a_batch_size_of_zero_is_refused(model: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, was 0"):
        model.encode(TEXTS, batch_size=0)


def test_a_model_that_is_nowhere_is_an_error_that_lists_the_places() -> None:
    with pytest.raises(FileNotFoundError, match="no encoder named 'no-such-model'"):
        SentenceEncoder.load("no-such-model")
