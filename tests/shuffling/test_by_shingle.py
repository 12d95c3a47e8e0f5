import pytest

from bscl_jax import shuffling
from bscl_jax.shuffling import _by_shingle

TEXTS = [
    "How do I renew a library card?",
    "The opening hours",
    "My card expired",
    "what are the hours on Sunday",
    "card",
    "Is it for you?",
    "...",
]


def test_the_same_seed_gives_this_very_order_for_ever():
    order = shuffling.by_shingle(TEXTS, group_size=3, seed=(1, 2))
    assert order.tolist() == [0, 1, 3, 4, 2, 6, 5]


@pytest.mark.parametrize("texts", [[], ["one"], ["", "", ""], TEXTS])
@pytest.mark.parametrize("shingle_size", [1, 2, 9])
def test_it_is_a_permutation(texts, shingle_size):
    order = shuffling.by_shingle(texts, group_size=2, shingle_size=shingle_size, seed=0)
    assert sorted(order.tolist()) == list(range(len(texts)))


def always_beside(texts, **options):
    """Whether texts 0 and 1 share a group whatever the seed."""
    orders = [shuffling.by_shingle(texts, group_size=2, seed=s, **options) for s in range(20)]
    return all(abs(order.tolist().index(0) - order.tolist().index(1)) == 1 for order in orders)


def test_texts_with_the_same_word_share_a_group_whatever_the_case():
    assert always_beside(["the CARD", "card", "hours", "Sunday", "desk", "book"])


def test_stop_words_do_not_join_texts():
    texts = ["the card", "the hours", "desk", "book", "Sunday", "loan"]
    assert not always_beside(texts)
    assert always_beside(["the card", "the hours", "desk", "book"], stop_words={"card", "hours"})


def test_a_text_of_stop_words_only_draws_from_these():
    assert always_beside(["what", "What?", "desk", "book", "Sunday", "loan"])
    assert not always_beside(["what", "where", "desk", "book", "Sunday", "loan"])


def test_texts_without_a_word_share_the_empty_shingle():
    assert always_beside(["?!", "...", "desk", "book", "Sunday", "loan"])


def test_two_words_must_both_be_drawn_whatever_their_order():
    texts = ["card lost", "lost card", "card", "lost", "card found", "lost desk"]
    assert always_beside(texts, shingle_size=2)
    assert not always_beside(texts, shingle_size=1)


def test_a_word_that_comes_twice_is_drawn_once():
    texts = ["card card card lost", "lost card", "card", "lost", "card found", "lost desk"]
    assert always_beside(texts, shingle_size=2)


def test_a_shingle_is_a_set_in_whatever_order_its_words_were_drawn(monkeypatch):
    monkeypatch.setattr(_by_shingle, "grouped", lambda shingles, *_: shingles)
    shingles = shuffling.by_shingle(["red green blue"] * 50, group_size=2, shingle_size=2, seed=0)
    assert len(set(shingles.tolist())) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_size": 0}, "group_size must be ≥ 1, got 0"),
        ({"group_size": 2, "shingle_size": 0}, "shingle_size must be ≥ 1, got 0"),
        ({"group_size": 2, "seed": -2}, "seed must be an integer ≥ 0"),
    ],
)
def test_a_mistake_is_named_with_its_value(options, message):
    with pytest.raises(ValueError, match=message):
        shuffling.by_shingle(TEXTS, **{"seed": 0, **options})
