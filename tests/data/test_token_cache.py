from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bscl_jax.data import TokenCache, _token_cache, tokenize_pairs
from bscl_jax.types import Pairs

TEXTS = ["renew online?", "where", "is the desk", "é", "\ud800"]


@pytest.fixture(autouse=True)
def few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_token_cache, "FEWEST", 2)


class Tokenizer:
    """Counts the texts that it is asked for."""

    def __init__(self, folder: Path, fingerprint: str = "letters") -> None:
        self.asked = 0
        self.cache = TokenCache(folder / "tokens", self, fingerprint)

    def __call__(self, texts: list[str]) -> Sequence[Sequence[int]]:
        self.asked += len(texts)
        return [[1, *map(ord, text)] for text in texts]

    def ids(self, texts: Sequence[str] = TEXTS) -> list[list[int]]:
        found = self.cache.tokenize_all(texts)
        return [found[row].tolist() for row in range(len(found))]


IDS = [[1, *map(ord, text)] for text in TEXTS]


def test_texts_are_tokenized_once_for_all_starts(tmp_path):
    first, second = Tokenizer(tmp_path), Tokenizer(tmp_path)
    assert first.ids() == second.ids() == IDS
    assert (first.asked, second.asked) == (len(TEXTS), 0)


def test_what_is_read_back_lies_in_the_file_not_in_memory(tmp_path):
    Tokenizer(tmp_path).ids()
    found = Tokenizer(tmp_path).cache.tokenize_all(TEXTS)
    assert isinstance(found.flat.base, np.memmap)
    assert type(found.take(np.array([0])).flat) is np.ndarray


@pytest.mark.parametrize(
    "texts", [TEXTS[::-1], TEXTS[:-1], ["renew online?w", "here", *TEXTS[2:]], [*TEXTS, ""]]
)
def test_other_texts_are_tokenized(tmp_path, texts):
    Tokenizer(tmp_path).ids()
    assert Tokenizer(tmp_path).ids(texts) == [[1, *map(ord, text)] for text in texts]


def test_another_tokenizer_has_ids_of_its_own(tmp_path):
    Tokenizer(tmp_path).ids()
    other = Tokenizer(tmp_path, "other letters")
    other.ids()
    assert other.asked == len(TEXTS)


def test_few_texts_are_not_kept(tmp_path):
    Tokenizer(tmp_path).ids(TEXTS[:1])
    assert not (tmp_path / "tokens").exists()


@pytest.mark.parametrize("name", ["flat", "offsets", "checksums.json"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "missing"])
def test_damage_is_found_and_made_good(tmp_path, name, harm):
    Tokenizer(tmp_path).ids()
    (path,) = tmp_path.glob(f"tokens/*/{name}")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    changed = {"flipped": content, "cut": content[:-4], "empty": b"", "missing": None}[harm]
    path.unlink()
    if changed is not None:
        path.write_bytes(bytes(changed))
    second, third = Tokenizer(tmp_path), Tokenizer(tmp_path)
    assert second.ids() == third.ids() == IDS
    assert (second.asked, third.asked) == (len(TEXTS), 0)
    assert len([*(tmp_path / "tokens").iterdir()]) == 1


@pytest.mark.parametrize("name", ["flat", "offsets"])
def test_whichever_bit_is_flipped_damage_is_found(tmp_path, name):
    Tokenizer(tmp_path).ids(TEXTS[1:3])
    (path,) = tmp_path.glob(f"tokens/*/{name}")
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        second = Tokenizer(tmp_path)
        assert second.ids(TEXTS[1:3]) == IDS[1:3]
        assert second.asked == 2


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "tokens").write_text("a file in the way")
    assert Tokenizer(tmp_path).ids() == IDS


def test_pairs_are_tokenized_through_it(tmp_path):
    pairs = Pairs(TEXTS[:3], TEXTS[2:], None, [["none"], [], ["other"]])
    first, second = Tokenizer(tmp_path), Tokenizer(tmp_path)
    stores = [tokenize_pairs(pairs, each.cache) for each in (first, second)]
    assert (first.asked, second.asked) == (8, 0)
    for side in ("queries", "targets"):
        one, other = (getattr(store, side) for store in stores)
        np.testing.assert_array_equal(one.flat, other.flat)
        np.testing.assert_array_equal(one.offsets, other.offsets)
