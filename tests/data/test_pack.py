from itertools import chain

import numpy as np
import pytest

from bscl_jax.data import (
    Ragged,
    Shape,
    choose_shapes,
    lay_out,
    make_pair_batch,
    pack,
    pack_all,
    tokenize_pairs,
)
from bscl_jax.data._pack import fill_rows
from bscl_jax.data._shapes import _choose
from bscl_jax.types import Pairs


def skewed(n: int, seed: int, *, longest: int = 60) -> np.ndarray:
    """Lengths like those of sentences: most short, few long."""
    lengths = np.random.default_rng(seed).lognormal(2.5, 0.45, n)
    return np.clip(lengths.astype(int), 4, longest)


def texts_of(lengths) -> Ragged:
    return Ragged.from_lists([[100 * n + t for t in range(size)] for n, size in enumerate(lengths)])


@pytest.mark.parametrize("texts", [None, 1, 3])
def test_every_text_is_in_one_row_that_has_room_for_it(texts: int | None) -> None:
    lengths = skewed(300, 0)
    rows = fill_rows(lengths, length=64, texts=texts)
    assert sorted(chain.from_iterable(rows)) == list(range(300))
    assert max(lengths[row].sum() for row in rows) <= 64
    assert texts is None or max(map(len, rows)) <= texts


def test_rows_are_nearly_full() -> None:
    lengths = skewed(300, 0)
    assert lengths.sum() > 0.97 * 64 * len(fill_rows(lengths, length=64))


def test_a_short_text_opens_no_row_but_fills_one_up() -> None:
    lengths = np.array([20, 3, 9, 3, 4, 3])
    assert fill_rows(lengths, length=24, opens=10) == [[0, 4]]
    assert fill_rows(lengths, length=24, opens=21) == []


@pytest.mark.parametrize("longest", [20, 64, 65, 150, 500])
def test_all_texts_are_packed_in_rows_of_a_fitting_length(longest: int) -> None:
    lengths = np.clip(skewed(600, 3, longest=longest) * 3, 4, longest)
    found = pack_all(lengths, most_tokens=512)
    assert sorted(chain.from_iterable(text for rows in found for text in rows.texts)) == [
        *range(600)
    ]
    assert [rows.length for rows in found] == sorted({rows.length for rows in found}, reverse=True)
    for rows in found:
        assert max(lengths[row].sum() for row in rows.texts) <= rows.length
        assert max(map(len, rows.texts)) <= rows.shape(1).texts
    assert lengths.sum() > 0.93 * sum(rows.length * len(rows.texts) for rows in found)


def test_rows_that_suit_texts_of_one_length_are_chosen() -> None:
    assert {rows.length for rows in pack_all(np.full(40, 48))} == {96}
    assert {rows.length for rows in pack_all(np.full(40, 64))} == {64}
    assert {rows.length for rows in pack_all(np.full(40, 48), most_tokens=50)} == {50}


def test_very_many_texts_are_packed_as_some_of_them_suggest() -> None:
    few = np.tile([50, 46, 60, 36, 30], 40)
    lengths = [{rows.length for rows in pack_all(np.tile(few, times))} for times in (1, 60)]
    assert lengths == [{96}, {96}]


def test_a_packed_batch_holds_the_texts_where_it_says() -> None:
    tokens = texts_of(skewed(40, 1))
    batch, places = pack(tokens, [Shape(16, 64, 8)], -1)
    ends = np.cumsum(batch.lengths, axis=1)
    for text, place in enumerate(places):
        row, number = divmod(int(place), 8)
        end = ends[row, number]
        found = batch.ids[row, end - batch.lengths[row, number] : end]
        np.testing.assert_array_equal(found, tokens[text])
    np.testing.assert_array_equal(batch.mask, batch.ids != -1)
    assert batch.lengths.sum() == batch.mask.sum() == tokens.lengths.sum()


def test_rows_may_be_lists_or_ragged() -> None:
    tokens, rows = texts_of([3, 1, 2, 4]), [[3, 0], [], [2]]
    one, other = (
        lay_out(tokens, each, Shape(4, 8, 2), -1) for each in (rows, Ragged.from_lists(rows))
    )
    for a, b in zip([*one[0], *one[1:]], [*other[0], *other[1:]], strict=True):
        np.testing.assert_array_equal(a, b)
    assert other[2].tolist() == [0, 1, 4]


def test_the_cheapest_shape_that_holds_the_texts_is_taken() -> None:
    shapes = [Shape(4, 32, 4), Shape(2, 16, 4), Shape(1, 16, 4)]

    def shape_for(lengths: list[int]) -> tuple[int, ...] | None:
        found = pack(texts_of(lengths), shapes, 0)
        return found and found[0].ids.shape

    assert shape_for([8, 8]) == (1, 16)
    assert shape_for([8, 8, 8]) == (2, 16)
    assert shape_for([9, 9, 9]) == (4, 32)  # two rows of 16 have room for 27, not for these
    assert shape_for([2] * 5) == (2, 16)  # a row has room for four texts
    assert shape_for([17]) == (4, 32)
    assert shape_for([33]) is None


def test_texts_as_long_as_the_data_has_them_fit_all_at_once() -> None:
    sides = [skewed(400, seed) for seed in (2, 3)]
    shapes = choose_shapes(sides, batch_size=16, max_shapes=3, multiple=4)
    longest = np.concatenate([np.sort(side)[-16:] for side in sides])
    assert pack(texts_of(longest), shapes, 0) is not None
    assert len(shapes) <= 3
    assert all(shape.rows % 4 == 0 for shape in shapes)
    assert shapes == choose_shapes(sides, batch_size=16, max_shapes=3, multiple=4)


def test_rows_are_no_longer_than_the_model_has_positions() -> None:
    shapes = choose_shapes([skewed(400, 2, longest=30)], batch_size=16, most_tokens=30)
    assert max(shape.length for shape in shapes) == 30


def test_extra_candidates_have_room() -> None:
    sides, extras = [skewed(400, seed) for seed in (2, 3)], np.full(50, 40)
    without = choose_shapes(sides, batch_size=16, max_shapes=1)
    shapes = choose_shapes(sides, batch_size=16, max_shapes=1, extras=extras, num_extras=16)
    assert shapes[0].rows * shapes[0].length >= without[0].rows * without[0].length + 16 * 40


@pytest.mark.parametrize(("batch_size", "share"), [(32, 0.93), (64, 0.95), (256, 0.95)])
def test_nearly_all_that_is_computed_is_real(batch_size: int, share: float) -> None:
    sides = [skewed(4000, seed) for seed in (4, 5)]
    shapes = choose_shapes(sides, batch_size=batch_size, max_shapes=8)
    real = computed = 0
    random = np.random.default_rng(9)
    for _ in range(100):
        rows = random.choice(4000, batch_size, replace=False)
        batch, _ = pack(texts_of(np.concatenate([side[rows] for side in sides])), shapes, 0)
        real, computed = real + batch.mask.sum(), computed + batch.mask.size
    assert real > share * computed


def test_no_shape_that_was_chosen_has_a_better_in_its_place() -> None:
    for seed in range(20):
        costs = np.random.default_rng(seed).random((12, 9))
        chosen = _choose(costs, np.ones(9), 3)
        others = np.minimum(costs[chosen], 1).min(axis=0).mean()
        for place in range(3):
            kept = costs[chosen[:place] + chosen[place + 1 :]].min(axis=0)
            assert np.minimum(kept, costs).mean(axis=1).min() >= others


@pytest.mark.parametrize(("name", "value"), [("max_shapes", 0), ("multiple", 0)])
def test_counts_below_one_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        choose_shapes([skewed(40, 0)], batch_size=8, **{name: value})


def test_a_batch_that_no_shape_holds_is_padded() -> None:
    store = tokenize_pairs(Pairs(["a"] * 4, ["b"] * 4), lambda texts: [[1, 7, 2]] * len(texts))
    options = {"batch_size": 2, "query_lengths": (4,), "target_lengths": (8,), "pad_id": 0}

    def make(*shapes: Shape):
        return make_pair_batch(store, np.arange(4), 1, **options, shapes=shapes)

    packed, padded = make(Shape(2, 8, 2)), make(Shape(1, 8, 2))
    assert packed.packed.ids.shape == (2, 8)
    assert sorted([*packed.queries, *packed.targets]) == [0, 1, 2, 3]
    assert padded.packed is None
    assert (padded.queries.ids.shape, padded.targets.ids.shape) == ((2, 4), (2, 8))
