import numpy as np
import pytest

from bscl_jax.data._pack import fill_rows
from bscl_jax.data._shapes import _count_rows


@pytest.mark.parametrize("length", [30, 45, 64, 512])
@pytest.mark.parametrize(("texts", "batches"), [(1, 5), (2, 1), (24, 100), (25, 3)])
def test_as_many_rows_are_counted_as_are_filled(texts: int, batches: int, length: int) -> None:
    random = np.random.default_rng(length + texts)
    drawn = -np.sort(-random.integers(1, 31, (texts, batches)), axis=0)
    rows, most = _count_rows(drawn, length)
    filled = [fill_rows(batch, length=length) for batch in drawn.T]
    assert rows.tolist() == [len(each) for each in filled]
    assert most == max(len(row) for each in filled for row in each)


def test_no_rows_are_counted_of_no_batches() -> None:
    rows, most = _count_rows(np.empty((8, 0), np.int64), 32)
    assert rows.tolist() == []
    assert most == 1
