import numpy as np

from bscl_jax.data import choose_shapes


def test_no_rows_are_as_long_as_a_gpu_would_fill_them_up() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(2.5, 0.5, 4000).astype(int), 3, 70)
    lengths[:64] = 70

    def between(pads: bool) -> set[int]:
        shapes = choose_shapes([lengths] * 2, batch_size=32, max_shapes=8, pads_to_powers=pads)
        return {shape.length for shape in shapes if 64 < shape.length < 128}

    assert between(False)
    assert not between(True)
