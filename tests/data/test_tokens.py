import numpy as np
import pytest

from bscl_jax.data import Ragged, content_ids, tokenize_pairs
from bscl_jax.data._ragged import CHUNK
from bscl_jax.types import Pairs


def tokenize(texts):
    return [[1, *(ord(letter) for letter in text), 2] for text in texts]


def test_rows_come_back_as_they_went_in():
    rows = [[1, 2, 3], [], [4]]
    ragged = Ragged.from_lists(rows)
    assert [ragged[i].tolist() for i in range(len(ragged))] == rows
    assert ragged.lengths.tolist() == [3, 0, 1]
    assert (ragged.flat.dtype, ragged.offsets.dtype) == (np.int32, np.int64)


def test_taken_rows_stand_in_the_order_asked_for():
    rows = [[1, 2, 3], [], [4], [5, 6]]
    taken = Ragged.from_lists(rows).take(np.array([3, 0, 3, 1]))
    assert [taken[i].tolist() for i in range(len(taken))] == [[5, 6], [1, 2, 3], [5, 6], []]


def test_no_rows_can_be_taken_and_made():
    assert len(Ragged.from_lists([])) == 0
    assert len(Ragged.from_lists([[1]]).take(np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(1, 3), slice(2), slice(3, 9), slice(2, 2), slice(3, 1), slice(-2, None)],
)
def test_a_slice_has_the_rows_that_it_has_of_a_list(rows: slice) -> None:
    lists = [[1, 2], [], [3], [4, 5, 6]]
    found = Ragged.from_lists(lists)[rows]
    assert [row.tolist() for row in found] == lists[rows]


def test_rows_that_do_not_follow_each_other_are_no_slice() -> None:
    with pytest.raises(ValueError, match=r"got a step of -1; use take\(\)"):
        Ragged.from_lists([[1], [2]])[::-1]


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_beyond_the_end_is_an_index_error(row):
    with pytest.raises(IndexError, match="row must be 0 to 1, got"):
        Ragged.from_lists([[1], [2]])[row]


def test_pairs_are_tokenized_side_by_side():
    store = tokenize_pairs(Pairs(["a", "bc"], ["d", "a"], [0.25, 1.0]), tokenize)
    assert [store.queries[i].tolist() for i in range(2)] == tokenize(["a", "bc"])
    assert [store.targets[i].tolist() for i in range(2)] == tokenize(["d", "a"])
    assert store.scores.tolist() == [0.25, 1.0]
    assert store.scores.dtype == np.float32
    assert store.query_ids.tolist() == content_ids(["a", "bc"]).tolist()
    assert store.target_ids.tolist() == content_ids(["d", "a"]).tolist()


def test_each_side_may_have_a_tokenizer_of_its_own_and_ids_are_of_the_bare_texts():
    pairs = Pairs(["a", "b"], ["a", "d"], None, [["e"], []])
    plain = tokenize_pairs(pairs, tokenize)
    of_queries, of_targets = (
        lambda texts, prompt=prompt: tokenize([prompt + text for text in texts])
        for prompt in ("query: ", "text: ")
    )
    store = tokenize_pairs(pairs, (of_queries, of_targets))
    assert [store.queries[i].tolist() for i in range(2)] == of_queries(["a", "b"])
    assert [store.targets[i].tolist() for i in range(2)] == of_targets(["a", "d"])
    assert store.negatives.tokens[0].tolist() == of_targets(["e"])[0]
    for name in ("query_ids", "target_ids"):
        np.testing.assert_array_equal(getattr(store, name), getattr(plain, name))
    np.testing.assert_array_equal(store.negatives.ids, plain.negatives.ids)


def test_pairs_without_scores_are_all_positive():
    assert tokenize_pairs(Pairs(["a"], ["b"]), tokenize).scores.tolist() == [1.0]


def test_more_texts_than_a_chunk_keep_their_order():
    texts = [str(i) for i in range(2 * CHUNK + 1)]
    store = tokenize_pairs(Pairs(texts, texts), tokenize)
    rows = [0, CHUNK - 1, CHUNK, 2 * CHUNK]
    assert [store.queries[row].tolist() for row in rows] == tokenize([texts[row] for row in rows])
    assert len(store.targets) == len(texts)


@pytest.mark.parametrize(
    "pairs", [Pairs([], []), Pairs(["a"], ["b", "c"]), Pairs(["a"], ["b"], [1.0, 1.0])]
)
def test_pairs_of_unlike_or_no_length_are_refused(pairs):
    with pytest.raises(ValueError, match="must be of one length, at least 1; got"):
        tokenize_pairs(pairs, tokenize)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), 1e39])
@pytest.mark.parametrize("holder", [tuple, np.array])
def test_a_score_that_is_not_finite_in_float32_is_refused_by_its_pair(score, holder):
    pairs = Pairs(["a", "b"], ["c", "d"], holder([0.5, score]))
    with pytest.raises(ValueError, match=r"scores must be finite in float32, pair 1 has"):
        tokenize_pairs(pairs, tokenize)


def test_a_tokenizer_that_loses_a_text_is_refused():
    with pytest.raises(ValueError, match="one list for each text, got 1 for 2"):
        tokenize_pairs(Pairs(["a", "b"], ["c", "d"]), lambda texts: [[1]])


def test_a_text_without_tokens_is_refused_by_name():
    with pytest.raises(ValueError, match="got none for 'b'; let it add the special tokens"):
        tokenize_pairs(Pairs(["a", "b"], ["c", "d"]), lambda texts: [[1], []])
