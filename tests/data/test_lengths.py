from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax.data import Ragged, choose_lengths, pad
from bscl_jax.data._lengths import WORTHWHILE

CHANCE = 0.01
"""Mean padded lengths of 20,000 drawn batches lie within 1 % of their expectation."""


def padded(lengths, chosen) -> int:
    return sum(min(c for c in chosen if c >= length) for length in lengths)


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    max_shapes=st.integers(1, 4),
    multiple=st.sampled_from([1, 4, 8]),
)
def test_no_other_choice_wastes_noticeably_less(lengths, max_shapes, multiple):
    chosen = choose_lengths(lengths, max_shapes=max_shapes, multiple=multiple)
    last = -(-max(lengths) // multiple) * multiple
    others = range(multiple, last, multiple)
    best = min(
        padded(lengths, (*shorter, last))
        for shapes in range(max_shapes)
        for shorter in combinations(others, shapes)
    )
    assert chosen[-1] == last
    assert len(chosen) <= max_shapes
    assert list(chosen) == sorted(set(chosen))
    assert padded(lengths, chosen) * (1 - WORTHWHILE) <= best + 1e-9


def test_a_shape_that_saves_next_to_nothing_is_not_chosen():
    assert choose_lengths([7] + [16] * 999) == (16,)
    assert choose_lengths([7] * 999 + [16]) == (8, 16)


def test_larger_batches_ask_for_longer_shapes():
    lengths = np.arange(1, 65)
    assert choose_lengths(lengths, max_shapes=2, batch_size=1) == (32, 64)
    assert choose_lengths(lengths, max_shapes=2, batch_size=16) == (56, 64)


def test_the_lengths_are_chosen_for_the_maxima_of_random_batches():
    rng = np.random.default_rng(0)
    lengths = np.minimum(rng.geometric(0.08, 500) + 2, 90)
    maxima = rng.choice(lengths, (20_000, 8)).max(axis=1)
    chosen = choose_lengths(lengths, batch_size=8)
    for_the_maxima = choose_lengths(maxima)
    assert padded(maxima, chosen) <= padded(maxima, for_the_maxima) * (1 + CHANCE)
    assert padded(maxima, chosen) < padded(maxima, choose_lengths(lengths)) * (1 - CHANCE)


def test_the_choice_does_not_depend_on_the_order_of_the_texts():
    lengths = [3, 50, 17, 9, 9, 80]
    assert choose_lengths(lengths) == choose_lengths(np.array(lengths[::-1]))


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([], {}, "lengths must be 1 token or more of at least one text, got none"),
        ([3, 0], {}, "lengths must be 1 token or more of at least one text, got 0"),
        ([3], {"max_shapes": 0}, "max_shapes must be 1 or more, got 0"),
        ([3], {"multiple": 0}, "multiple must be 1 or more, got 0"),
        ([3], {"batch_size": -1}, "batch_size must be 1 or more, got -1"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(lengths, options, message):
    with pytest.raises(ValueError, match=message):
        choose_lengths(lengths, **options)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 30000), min_size=1, max_size=12), max_size=8),
    pad_id=st.integers(0, 3),
)
def test_padding_keeps_every_token_and_adds_only_the_pad_id(rows, pad_id):
    batch = pad(rows, (4, 8, 12), pad_id)
    length = batch.ids.shape[1]
    longest = max(map(len, rows), default=0)
    assert length == next(each for each in (4, 8, 12) if each >= longest)
    assert batch.ids.tolist() == [row + [pad_id] * (length - len(row)) for row in rows]
    assert batch.mask.tolist() == [
        [True] * len(row) + [False] * (length - len(row)) for row in rows
    ]
    assert (batch.ids.dtype, batch.mask.dtype) == (np.int32, np.bool_)


def test_lists_and_ragged_rows_pad_alike():
    rows = [[1, 2, 3], [4]]
    for one, other in zip(pad(rows, (4,), 0), pad(Ragged.from_lists(rows), (4,), 0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_text_longer_than_the_last_length_is_refused():
    with pytest.raises(ValueError, match="a text of 9 tokens does not fit the longest length 8"):
        pad([[1] * 9], (4, 8), 0)


def test_a_text_without_tokens_cannot_be_padded():
    with pytest.raises(ValueError, match="text 1 has none; let the tokenizer add"):
        pad([[1], []], (4,), 0)


@pytest.mark.parametrize("lengths", [(), (8, 4), (4, 4)])
def test_lengths_that_do_not_rise_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must rise and be at least one, got"):
        pad([[1]], lengths, 0)
