from pathlib import Path

import numpy as np
import pytest

from bscl_jax.evaluation import EmbeddingCache, _embedding_cache

TEXTS = ["renew online?", "where", "is the desk", "é", "\ud800"]


@pytest.fixture(autouse=True)
def few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_embedding_cache, "FEWEST", 2)


class Model:
    """Counts the calls; its answer to a text depends on the other texts."""

    def __init__(self, folder: Path, fingerprint: str = "model") -> None:
        self.calls = 0
        self.cache = EmbeddingCache(folder / "embeddings", self, fingerprint)

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.calls += 1
        total = sum(map(len, texts))
        return np.array([[len(text), total] for text in texts], np.float32) / 3


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "embeddings").iterdir())


def test_texts_are_embedded_once_for_all_starts(tmp_path):
    first, second = Model(tmp_path), Model(tmp_path)
    made, found = first.cache(TEXTS), second.cache(TEXTS)
    assert made.dtype == found.dtype == np.float32
    np.testing.assert_array_equal(made, found)
    assert (first.calls, second.calls) == (1, 0)
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("texts", [TEXTS[::-1], TEXTS[:-1], [*TEXTS, ""]])
def test_another_list_is_embedded_by_itself(tmp_path, texts):
    Model(tmp_path).cache(TEXTS)
    model = Model(tmp_path)
    np.testing.assert_array_equal(model.cache(texts), model(texts))
    assert model.calls == 2


def test_another_model_has_embeddings_of_its_own(tmp_path):
    Model(tmp_path).cache(TEXTS)
    other = Model(tmp_path, "another")
    other.cache(TEXTS)
    assert other.calls == 1


def test_few_texts_are_not_kept(tmp_path):
    Model(tmp_path).cache(TEXTS[:1])
    assert not (tmp_path / "embeddings").exists()


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty"])
def test_damage_is_found_and_made_good(tmp_path, harm):
    made = Model(tmp_path).cache(TEXTS)
    (path,) = kept(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(made.tobytes()) + 3] ^= 1
    path.write_bytes({"flipped": content, "cut": content[:-9], "empty": b""}[harm])
    model = Model(tmp_path)
    np.testing.assert_array_equal(model.cache(TEXTS), made)
    assert model.calls == 1
    after = Model(tmp_path)
    after.cache(TEXTS)
    assert after.calls == 0


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "embeddings").write_text("a file")
    model = Model(tmp_path)
    assert len(model.cache(TEXTS)) == len(model.cache(TEXTS)) == len(TEXTS)
    assert model.calls == 2
