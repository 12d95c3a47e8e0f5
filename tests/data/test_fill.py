import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax.data import _fill
from bscl_jax.data._pack import fill_rows


@settings(deadline=None, max_examples=300)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=120),
    room=st.integers(0, 60),
    texts=st.sampled_from([1, 2, 3, 16]),
    opens=st.integers(1, 45),
)
def test_many_texts_are_put_into_the_rows_that_one_by_one_finds(lengths, room, texts, opens):
    sizes, options = np.array(lengths), {"length": max(*lengths, 1) + room, "texts": texts}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(_fill, "MANY", 1)
        found = _fill.fill_many(sizes, **options, opens=opens)
    assert [row.tolist() for row in found] == fill_rows(sizes, **options, opens=opens)


@pytest.mark.parametrize("opens", [1, 20, 61])
@pytest.mark.parametrize("length", [60, 64, 512])
def test_very_many_texts_are_put_into_the_same_rows(length: int, opens: int) -> None:
    drawn = np.random.default_rng(length).lognormal(2.5, 0.5, 20_000)
    options = {"length": length, "texts": 16, "opens": opens}
    lengths = np.clip(drawn.astype(int), 3, 60)
    found = _fill.fill_many(lengths, **options)
    assert [row.tolist() for row in found] == fill_rows(lengths, **options)


def test_no_texts_fill_no_rows() -> None:
    assert len(_fill.fill_many(np.array([], np.int64), length=8, texts=2)) == 0


@pytest.mark.parametrize("length", [30, 45, 64, 512])
@pytest.mark.parametrize(("texts", "batches"), [(1, 5), (2, 1), (24, 100), (25, 3)])
def test_as_many_rows_are_counted_as_are_filled(texts: int, batches: int, length: int) -> None:
    random = np.random.default_rng(length + texts)
    drawn = -np.sort(-random.integers(1, 31, (texts, batches)), axis=0)
    rows, most = _fill.count_rows(drawn, length)
    filled = [fill_rows(batch, length=length) for batch in drawn.T]
    assert rows.tolist() == [len(each) for each in filled]
    assert most == max(len(row) for each in filled for row in each)


def test_no_rows_are_counted_of_no_batches() -> None:
    rows, most = _fill.count_rows(np.empty((8, 0), np.int64), 32)
    assert rows.tolist() == []
    assert most == 1
