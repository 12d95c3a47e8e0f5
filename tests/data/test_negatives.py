import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax.data import (
    choose_extras,
    content_ids,
    drop_false_negatives,
    make_pair_batch,
    tokenize_pairs,
)
from bscl_jax.data._negatives import known_positives
from bscl_jax.types import PairBatch, Pairs

KEYWORDS = {
    "query_lengths": (8,),
    "target_lengths": (8,),
    "extra_lengths": (8, 16),
    "pad_id": 0,
}


def tokenize(texts):
    return [[1, *(ord(letter) for letter in text), 2] for text in texts]


def make_batch(pairs: Pairs, order=None, k: int = 0, **keywords) -> PairBatch:
    store = tokenize_pairs(pairs, tokenize)
    order = np.arange(len(pairs.queries)) if order is None else np.asarray(order)
    return make_pair_batch(store, order, k, **(KEYWORDS | keywords))


def texts_of(batch: PairBatch) -> list[str]:
    if batch.extras is None:
        return []
    lengths = batch.extras.mask.sum(axis=1)
    rows = zip(batch.extras.ids, lengths, strict=True)
    return ["".join(map(chr, ids[1 : length - 1])) for ids, length in rows]


def make_pairs(*negatives: list[str], targets: list[str] | None = None) -> Pairs:
    n = len(negatives)
    return Pairs(
        [f"q{i}" for i in range(n)], targets or [f"t{i}" for i in range(n)], None, negatives
    )


# Which negatives are none


def test_the_own_target_is_no_negative():
    kept, dropped = drop_false_negatives(make_pairs(["t0", "x"], ["t0"]))
    assert (kept.negatives, dropped) == ((("x",), ("t0",)), 1)


def test_a_known_positive_of_the_same_query_is_no_negative_by_content():
    pairs = Pairs(["q", " q"], ["a", "b"], None, [["b ", "c"], ["a"]])
    assert drop_false_negatives(pairs) == (pairs._replace(negatives=(("c",), ())), 2)


def test_pairs_are_read_both_ways_round_and_a_query_is_no_negative_of_itself():
    pairs = Pairs(["a", "b", "d"], ["b", "c", "a"], None, [["a", "x"], ["a", "d"], ["y", "b"]])
    kept, dropped = drop_false_negatives(pairs)
    assert (kept.negatives, dropped) == ((("x",), ("d",), ("y", "b")), 2)
    batch = make_batch(pairs, order=[1, 0, 2], batch_size=1, num_extras=3)
    assert set(texts_of(batch)) == {"d", "x", "y"}


def test_the_pairs_of_one_query_share_what_is_known_of_it():
    known = known_positives(Pairs(["q"] * 4, list("abcd"), [1, 1, 0, 0.4]))
    assert known[0] is known[1]
    assert known == [{"q", "a", "b"}] * 2 + [{"q", "a", "b", "c"}, {"q", "a", "b", "d"}]


def test_a_pair_of_a_low_score_makes_no_known_positive():
    pairs = Pairs(["q", "q", "q"], ["a", "b", "c"], [1.0, 0.5, 0.6], [["b", "c"], [], []])
    assert drop_false_negatives(pairs)[0].negatives[0] == ("b",)


def test_pairs_without_negatives_stay_as_they_are():
    pairs = Pairs(["q"], ["t"])
    assert drop_false_negatives(pairs) == (pairs, 0)


# Which of them join a batch


def test_without_negatives_a_batch_has_no_extras():
    batch = make_batch(Pairs(["q"], ["t"]), batch_size=1, num_extras=4)
    assert batch.extras is None
    assert batch.extra_ids is None


def test_the_negatives_of_the_rows_are_the_extras_of_their_batch():
    pairs = make_pairs(["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"])
    batch = make_batch(pairs, [2, 0, 3, 1], 1, batch_size=2, num_extras=4)
    assert texts_of(batch) == ["g", "c", "h", "d"]
    assert batch.extra_ids.tolist() == content_ids(["g", "c", "h", "d"]).tolist()


def test_where_there_is_no_room_each_row_keeps_its_hardest():
    pairs = make_pairs(["a1", "a2", "a3"], ["b1", "b2"], ["c1"])
    assert texts_of(make_batch(pairs, batch_size=3, num_extras=4)) == ["a1", "b1", "c1", "a2"]


def test_rows_without_negatives_are_made_up_for_by_those_that_follow_in_the_order():
    pairs = make_pairs(["a"], [], ["c1", "c2"], ["d"])
    assert texts_of(make_batch(pairs, batch_size=2, num_extras=3)) == ["a", "c1", "c2"]
    assert texts_of(make_batch(pairs, k=1, batch_size=2, num_extras=4)) == ["c1", "d", "c2", "a"]


def test_no_text_stands_twice_among_the_extras():
    pairs = make_pairs(["a", "b "], ["a", " b"], ["c"], ["d"])
    assert [t.strip() for t in texts_of(make_batch(pairs, batch_size=2, num_extras=4))] == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_a_target_of_the_batch_is_a_candidate_already_and_no_extra():
    pairs = make_pairs(["t1", "x"], ["y"], ["z"], ["w"])
    assert texts_of(make_batch(pairs, batch_size=2, num_extras=2)) == ["y", "x"]
    assert texts_of(make_batch(pairs, [0, 2, 1, 3], batch_size=2, num_extras=2)) == ["t1", "z"]


def test_a_known_positive_of_a_query_of_the_batch_is_no_extra_of_anyone():
    pairs = Pairs(["p", "q", "q"], ["t0", "t1", "t2"], None, [["t2", "x"], ["y"], ["z"]])
    assert "t2" not in texts_of(make_batch(pairs, batch_size=2, num_extras=3))


def test_where_too_few_fit_there_are_half_as_many_and_so_on():
    pairs = make_pairs(["a"], ["b"], ["c"], [])
    counts = [
        len(texts_of(make_batch(pairs, batch_size=2, num_extras=e))) for e in (1, 3, 4, 8, 16)
    ]
    assert counts == [1, 3, 2, 2, 2]
    assert len(texts_of(make_batch(pairs, batch_size=2, num_extras=6, extra_multiple=2))) == 2
    assert texts_of(make_batch(pairs, batch_size=2, num_extras=4, extra_multiple=4)) == []


@settings(deadline=None)
@given(
    negatives=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), min_size=3, max_size=9),
    batch_size=st.integers(1, 3),
    num_extras=st.integers(1, 8),
    seed=st.integers(0, 3),
)
def test_extras_are_distinct_negatives_of_the_data_and_nothing_of_the_batch(
    negatives, batch_size, num_extras, seed
):
    targets = [chr(ord("a") + i % 10) for i in range(len(negatives))]
    pairs, _ = drop_false_negatives(make_pairs(*negatives, targets=targets))
    order = np.random.default_rng(seed).permutation(len(targets))
    batch = make_batch(pairs, order, batch_size=batch_size, num_extras=num_extras)
    found = texts_of(batch)
    fit = {text for row in pairs.negatives for text in row}
    fit -= {targets[row] for row in order[:batch_size]}
    assert len(set(found)) == len(found)
    assert set(found) <= fit
    assert (len(found) == num_extras) == (len(fit) >= num_extras)
    again = make_batch(pairs, order, batch_size=batch_size, num_extras=num_extras)
    assert texts_of(again) == found


def test_negatives_of_another_number_of_rows_are_refused():
    with pytest.raises(ValueError, match="of one length, at least 1; got 2, 2, 2 and 1"):
        tokenize_pairs(Pairs(["a", "b"], ["c", "d"], None, [["e"]]), tokenize)


@pytest.mark.parametrize(("threshold", "joins"), [(0.3, False), (0.4, True), (0.5, True)])
def test_what_joins_a_batch_is_no_positive_by_the_threshold_of_its_loss(threshold, joins):
    pairs = Pairs(["q", "q", "x"], ["t", "u", "v"], [0.4, 1.0, 1.0], [[], ["t", "n"], []])
    store = tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts], threshold=threshold)
    chosen = choose_extras(store.negatives, np.array([1, 2]), 0, batch_size=2, num_extras=2)
    assert ("t" in {store.negatives.texts[place] for place in chosen}) == joins
