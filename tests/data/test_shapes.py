import numpy as np
import pytest

from bscl_jax.data._pack import fill_rows
from bscl_jax.data._shapes import _count_rows, choose_shapes


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


def test_no_rows_are_as_long_as_a_gpu_would_fill_them_up() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(2.5, 0.5, 4000).astype(int), 3, 70)
    lengths[:64] = 70

    def between(pads: bool) -> set[int]:
        shapes = choose_shapes([lengths] * 2, batch_size=32, max_shapes=8, pads_to_powers=pads)
        return {shape.length for shape in shapes if 64 < shape.length < 128}

    assert between(False)
    assert not between(True)
