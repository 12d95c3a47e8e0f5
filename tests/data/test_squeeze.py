"""Rows filled to the last token: every text has its place, and best fit's rows are undercut."""

import numpy as np
import pytest

from bscl_jax.data import Ragged, Shape, pack
from bscl_jax.data._pack import fill_rows
from bscl_jax.data._squeeze import MOST_TEXTS, squeeze


def draw(random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draw the lengths of a batch, like those of sentences, and the length of its rows."""
    lengths = np.clip(random.lognormal(2.5, 0.5, random.integers(2, 65)).astype(int), 3, 48)
    return lengths, int(random.choice([48, 56, 64, 72, 96, 128]))


def check_rows(found: list[list[int]], lengths: np.ndarray, length: int, texts: int | None) -> None:
    assert sorted(text for row in found for text in row) == list(range(len(lengths)))
    assert all(lengths[row].sum() <= length for row in found)
    assert texts is None or max(map(len, found)) <= texts


def test_where_the_tokens_leave_a_row_free_it_mostly_does_with_one_less() -> None:
    random = np.random.default_rng(0)
    tried = found = 0
    for number in range(1500):
        lengths, length = draw(random)
        rows = len(fill_rows(lengths, length=length)) - 1
        if lengths.sum() > rows * length:
            continue
        tried += 1
        texts = None if number % 2 else 8
        squeezed = squeeze(lengths, length=length, rows=rows, texts=texts)
        if squeezed is not None:
            found += 1
            assert len(squeezed) <= rows
            check_rows(squeezed, lengths, length, texts)
    assert found > 3 * tried / 4 > 40


@pytest.mark.parametrize(
    ("lengths", "rows"), [([5, 5, 5], 2), ([8, 8], 1), ([4, 4, 1, 1], 1)], ids=str
)
def test_where_there_is_no_way_it_finds_none(lengths: list[int], rows: int) -> None:
    assert squeeze(np.array(lengths), length=8, rows=rows) is None


def test_a_row_has_no_more_texts_than_are_allowed() -> None:
    lengths = np.array([4, 1, 1, 1, 1])
    assert squeeze(lengths, length=8, rows=1, texts=5) == [[0, 1, 2, 3, 4]]
    assert squeeze(lengths, length=8, rows=1, texts=4) is None


@pytest.mark.parametrize("full_rows", [0, MOST_TEXTS])
def test_a_batch_takes_the_smaller_shape_if_it_is_not_too_large(full_rows: int) -> None:
    lengths = [6, 5, 5, 3, 3, 2, *[12] * full_rows]
    shapes = [Shape(full_rows + rows, 12, 8) for rows in (2, 3)]
    packed = pack(Ragged.from_lists([[1] * length for length in lengths]), shapes, 0)
    assert packed is not None
    assert len(packed[0].ids) == full_rows + (3 if full_rows else 2)
    assert packed[0].lengths is not None
    np.testing.assert_array_equal(packed[0].lengths.flat[packed[1]], lengths)
