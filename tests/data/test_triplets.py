"""Triplets: every positive of a query with every negative of it."""

import numpy as np
import pytest

from bscl_jax.data import make_pair_batch, make_triplets, tokenize_pairs
from bscl_jax.types import Pairs

LETTERS = {"query_lengths": (8,), "target_lengths": (8,), "extra_lengths": (8,), "pad_id": 0}


def tokenize(texts):
    return [[1, *(ord(letter) for letter in text), 2] for text in texts]


def rows(pairs: Pairs, **options) -> list[tuple[str, str, str]]:
    made = make_triplets(pairs, **options)
    assert made.scores is None
    assert made.negatives is not None
    return [
        (query, positive, negative)
        for query, positive, (negative,) in zip(
            made.queries, made.targets, made.negatives, strict=True
        )
    ]


def test_every_positive_of_a_query_meets_every_negative_of_it():
    pairs = Pairs(["q", "r", "q", "q", "q", "r"], list("abcdef"), [1, 1, 0, 0.9, 0.5, 0.1])
    assert rows(pairs) == [
        ("q", "a", "c"),
        ("q", "a", "e"),
        ("q", "d", "c"),
        ("q", "d", "e"),
        ("r", "b", "f"),
    ]


def test_the_threshold_says_what_is_positive():
    pairs = Pairs(["q", "q"], ["a", "b"], [0.9, 0.7])
    assert rows(pairs, threshold=0.8) == [("q", "a", "b")]


def test_hard_negatives_are_negatives_of_the_query():
    pairs = Pairs(["q", "q"], ["a", "b"], None, [["x"], ["y"]])
    assert rows(pairs) == [("q", "a", "x"), ("q", "a", "y"), ("q", "b", "x"), ("q", "b", "y")]


def test_hard_negatives_that_belong_to_the_query_are_left_out_and_labelled_ones_stay():
    pairs = Pairs(["a", "b", "b"], ["b", "c", "a"], [1, 1, 0], [["a", "x"], ["a", "y"], []])
    assert rows(pairs) == [("a", "b", "x"), ("b", "c", "y"), ("b", "c", "a")]


def test_equal_texts_are_one_and_a_positive_is_no_negative():
    pairs = Pairs(["q", " q", "q", "q", "q"], ["a", "a ", "c", " c", "a"], [1, 1, 0, 0, 0])
    assert rows(pairs) == [("q", "a", "c")]


def test_positives_that_are_repeated_for_as_many_negatives_make_each_triplet_once():
    pairs = Pairs(["q"] * 4, ["a", "x", "a", "y"], [1, 0, 1, 0])
    assert rows(pairs) == [("q", "a", "x"), ("q", "a", "y")]


def test_a_query_without_a_positive_or_a_negative_has_no_row():
    pairs = Pairs(["q", "r", "s", "s"], ["a", "b", "c", "d"], [1, 0, 1, 0])
    assert rows(pairs) == [("s", "c", "d")]


def test_pairs_that_make_no_triplet_are_refused():
    with pytest.raises(ValueError, match=r"no query of the 2 training pairs has a positive \(a s"):
        make_triplets(Pairs(["q", "r"], ["a", "b"]))


def texts_of(tokens) -> list[str]:
    lengths = tokens.mask.sum(axis=1)
    pairs = zip(tokens.ids, lengths, strict=True)
    return ["".join(map(chr, ids[1 : length - 1])) for ids, length in pairs]


def test_a_batch_of_triplets_has_the_negative_of_each_row_in_its_place():
    pairs = Pairs(list("qrst"), list("abcd"), None, [["x"], ["y", "z"], ["x"], ["b"]])
    store = tokenize_pairs(pairs, tokenize)
    order = np.array([2, 0, 3, 1])
    # The second batch is filled up with the first row of the order.
    for k, targets, negatives in ((0, "cad", "xxb"), (1, "bca", "yxx")):
        batch = make_pair_batch(store, order, k, batch_size=3, extras_of="rows", **LETTERS)
        assert texts_of(batch.targets) == list(targets)
        assert texts_of(batch.extras) == list(negatives)


def test_a_pair_without_a_negative_makes_no_batch_of_triplets():
    store = tokenize_pairs(Pairs(["q", "r"], ["a", "b"], None, [["x"], []]), tokenize)
    with pytest.raises(ValueError, match="each pair must have a hard negative"):
        make_pair_batch(store, np.arange(2), 0, batch_size=2, extras_of="rows", **LETTERS)
