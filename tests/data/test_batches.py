import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax.data import Ragged, length_batches, make_pair_batch, num_batches, tokenize_pairs
from bscl_jax.types import Pairs

LENGTHS = (4, 8)
KEYWORDS = {"query_lengths": LENGTHS, "target_lengths": (8,), "pad_id": 0}


def make_store(n: int):
    """Row i has query token 10 + i and a score that no other row has."""
    pairs = Pairs([f"q{i}" for i in range(n)], [f"t{i}" for i in range(n)], np.arange(n) / n)
    return tokenize_pairs(
        pairs,
        lambda texts: [[1, 10 + int(text[1:]), *[7] * (int(text[1:]) % 5), 2] for text in texts],
    )


def rows_of(batch) -> list[int]:
    return (batch.queries.ids[:, 1] - 10).tolist()


@settings(deadline=None)
@given(n=st.integers(1, 30), batch_size=st.integers(1, 30), seed=st.integers(0, 5))
def test_every_row_counts_exactly_once_in_an_epoch(n, batch_size, seed):
    batch_size = min(batch_size, n)
    store = make_store(n)
    order = np.random.default_rng(seed).permutation(n)
    batches = [
        make_pair_batch(store, order, k, batch_size=batch_size, **KEYWORDS)
        for k in range(num_batches(n, batch_size))
    ]
    weight = np.zeros(n)
    for batch in batches:
        assert len(batch.weights) == batch_size
        assert set(batch.weights) <= {0.0, 1.0}
        np.add.at(weight, rows_of(batch), batch.weights)
    assert weight.tolist() == [1.0] * n


def test_batches_are_consecutive_slices_of_the_order():
    order = np.array([4, 2, 0, 1, 3, 5])
    batch = make_pair_batch(make_store(6), order, 1, batch_size=2, **KEYWORDS)
    assert rows_of(batch) == [0, 1]
    assert batch.weights.tolist() == [1.0, 1.0]


def test_each_side_is_filled_up_by_its_own_padding():
    pairs = Pairs(["q1", "q2"], ["t1", "t2"], None, [["n1"], ["n2"]])
    store = tokenize_pairs(pairs, lambda texts: [[1, 9, 2] for _ in texts])
    keywords = {"query_lengths": (4,), "target_lengths": (4,), "extra_lengths": (4,)}
    batch = make_pair_batch(
        store, np.arange(2), 0, batch_size=2, num_extras=2, pad_id=(5, 6), **keywords
    )
    sides = (batch.queries, batch.targets, batch.extras)
    assert [side.ids[:, 3].tolist() for side in sides] == [[5, 5], [6, 6], [6, 6]]


def test_the_last_batch_is_filled_up_from_the_beginning_of_the_order():
    order = np.array([4, 2, 0, 1, 3])
    batch = make_pair_batch(make_store(5), order, 1, batch_size=3, **KEYWORDS)
    assert rows_of(batch) == [1, 3, 4]
    assert batch.weights.tolist() == [1.0, 1.0, 0.0]


def test_all_fields_of_a_batch_belong_to_the_same_rows():
    store = make_store(9)
    batch = make_pair_batch(store, np.arange(9)[::-1], 0, batch_size=4, **KEYWORDS)
    rows = [8, 7, 6, 5]
    assert rows_of(batch) == rows
    assert (batch.targets.ids[:, 1] - 10).tolist() == rows
    for field in ("scores", "query_ids", "target_ids"):
        np.testing.assert_array_equal(getattr(batch, field), getattr(store, field)[rows])
    assert batch.scores.dtype == batch.weights.dtype == np.float32


def test_each_side_is_padded_to_its_own_length():
    batch = make_pair_batch(make_store(2), np.array([0, 1]), 0, batch_size=2, **KEYWORDS)
    assert batch.queries.ids.shape == (2, 4)
    assert batch.targets.ids.shape == (2, 8)


def test_a_batch_is_the_same_whenever_it_is_made():
    store, order = make_store(7), np.random.default_rng(1).permutation(7)
    make = [make_pair_batch(store, order, k, batch_size=3, **KEYWORDS) for k in (2, 0, 2)]
    np.testing.assert_array_equal(make[0].queries.ids, make[2].queries.ids)
    np.testing.assert_array_equal(make[0].scores, make[2].scores)


@pytest.mark.parametrize("batch_size", [0, -3, 6])
def test_a_batch_size_of_nothing_or_beyond_the_data_is_refused(batch_size):
    message = (
        "batch_size must be 1 or more and at most the 5 pairs of the data, "
        f"got {batch_size}; choose a batch_size from 1 to 5"
    )
    with pytest.raises(ValueError) as caught:
        make_pair_batch(make_store(5), np.arange(5), 0, batch_size=batch_size, **KEYWORDS)
    assert str(caught.value) == message
    with pytest.raises(ValueError, match="choose a batch_size from 1 to 5"):
        num_batches(5, batch_size)


def test_an_epoch_without_pairs_is_refused():
    with pytest.raises(ValueError, match="give more pairs"):
        num_batches(0, 1)


@pytest.mark.parametrize("k", [-1, 2])
def test_a_batch_beyond_the_epoch_is_refused(k):
    with pytest.raises(ValueError, match="k must be 0 to 1, the last batch of the order, got"):
        make_pair_batch(make_store(5), np.arange(5), k, batch_size=3, **KEYWORDS)


@pytest.mark.parametrize("order", [[0, 1, 5], [0, -1, 2]])
def test_an_order_of_other_data_is_refused(order):
    with pytest.raises(ValueError, match="the order must hold rows 0 to 4 of the store, batch 0"):
        make_pair_batch(make_store(5), np.array(order), 0, batch_size=3, **KEYWORDS)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), max_size=20),
    batch_size=st.integers(1, 8),
)
def test_embedding_batches_hold_every_text_once_and_never_grow(sizes, batch_size):
    texts = [[i] * size for i, size in enumerate(sizes)]
    batches = list(length_batches(texts, batch_size=batch_size, lengths=LENGTHS))
    seen = [row for rows, _ in batches for row in rows.tolist()]
    longest = [len(tokens[0]) for _, tokens in batches]
    assert sorted(seen) == list(range(len(texts)))
    assert [texts[row] for row in seen] == [text for _, tokens in batches for text in tokens]
    assert [sizes[row] for row in seen] == sorted(sizes, reverse=True)
    assert longest == sorted(longest, reverse=True)
    assert all(len(tokens) == batch_size for _, tokens in batches[:-1])


def test_tokens_in_one_array_are_cut_into_the_same_batches():
    texts = [[i] * (i % 8 + 1) for i in range(50)]
    lists = length_batches(texts, batch_size=7, lengths=LENGTHS)
    arrays = length_batches(Ragged.from_lists(texts), batch_size=7, lengths=LENGTHS)
    for (rows, tokens), (same_rows, taken) in zip(lists, arrays, strict=True):
        assert rows.tolist() == same_rows.tolist()
        assert tokens == [taken[row].tolist() for row in range(len(taken))]


def test_texts_of_one_length_keep_their_order():
    texts = [[1, 2, 3], [1, 2]] * 100
    batches = length_batches(texts, batch_size=64, lengths=LENGTHS)
    seen = [row for rows, _ in batches for row in rows.tolist()]
    assert seen == [*range(0, 200, 2), *range(1, 200, 2)]


def test_no_texts_make_no_batches():
    assert list(length_batches([], batch_size=2, lengths=LENGTHS)) == []


def test_a_text_that_fits_no_length_is_refused_before_the_first_batch():
    with pytest.raises(ValueError, match="a text of 9 tokens does not fit the longest length 8"):
        length_batches([[1], [1] * 9], batch_size=2, lengths=LENGTHS)


def test_an_embedding_batch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0; 64 suits"):
        length_batches([[1]], batch_size=0, lengths=LENGTHS)
