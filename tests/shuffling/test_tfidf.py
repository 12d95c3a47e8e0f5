import inspect

import numpy as np
import pytest

from bscl_jax import shuffling

TEXTS = ["the cat sat", "a dog", "the cat and the cats", "...", "A DOG", "i"]
MANY = [" ".join(f"w{(row * k) % 97}" for k in range(1, 8)) for row in range(60)]
UNIT = 1e-12


def lengths(rows):
    return np.linalg.norm(rows, axis=1)


def test_rows_have_length_one_and_those_of_texts_without_a_word_are_zero():
    rows = shuffling.tfidf(TEXTS)
    assert rows.dtype == np.float64
    np.testing.assert_allclose(lengths(rows), [1, 1, 1, 0, 1, 1], atol=UNIT)


def test_texts_are_near_by_the_words_they_share_whatever_their_case():
    cats, dog, more_cats, _, loud_dog, _ = shuffling.tfidf(TEXTS)
    assert cats @ more_cats > cats @ dog == 0
    np.testing.assert_allclose(dog @ loud_dog, 1, atol=UNIT)


def test_a_word_of_one_letter_is_a_word():
    assert shuffling.tfidf(["a", "i", "a i"]).shape == (3, 2)


def test_a_word_that_comes_often_counts_less_than_in_proportion():
    rare, often = shuffling.tfidf(["x y", "x x x x y"])
    tangents = sorted(max(row) / min(row) for row in (rare, often))
    np.testing.assert_allclose(tangents, [1, 1 + np.log(4)])


def test_more_words_than_dimensions_become_as_many_components_of_length_one():
    rows = shuffling.tfidf(MANY, dimension=8)
    assert rows.shape == (60, 8)
    np.testing.assert_allclose(lengths(rows)[1:], 1, atol=UNIT)
    assert shuffling.tfidf(MANY, dimension=97).shape == (60, 97)


def test_the_components_are_the_same_in_every_call():
    first, second = (shuffling.tfidf(MANY, dimension=8) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("texts", [[], ["", "?!"]])
def test_without_any_word_all_are_zero(texts):
    np.testing.assert_array_equal(shuffling.tfidf(texts), np.zeros((len(texts), 1)))


def test_one_dimension_is_the_least():
    assert shuffling.tfidf(MANY, dimension=1).shape == (60, 1)
    with pytest.raises(ValueError, match="dimension must be ≥ 1, got 0; 256 suits most data"):
        inspect.unwrap(shuffling.tfidf)(MANY, dimension=0)
