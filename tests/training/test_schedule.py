import numpy as np
import pytest

from bscl_jax import training

ROUNDING = 1e-6
"""A few roundings of numbers up to 1 in float32."""


def test_the_rate_rises_to_its_peak_and_falls_to_zero_after_the_last_step() -> None:
    share = training.warm_up_and_decay(10, 0.2)
    expected = [0.5, 1.0, *(np.arange(8, 0, -1) / 9), 0.0, 0.0]
    np.testing.assert_allclose([share(done) for done in range(12)], expected, atol=ROUNDING)


def test_without_warm_up_the_rate_only_falls() -> None:
    share = training.warm_up_and_decay(3, 0)
    np.testing.assert_allclose([share(i) for i in range(4)], [0.75, 0.5, 0.25, 0], atol=ROUNDING)


def test_with_warm_up_alone_the_last_step_has_the_peak() -> None:
    share = training.warm_up_and_decay(4, 1)
    np.testing.assert_allclose([share(i) for i in range(4)], [0.25, 0.5, 0.75, 1], atol=ROUNDING)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_no_step_of_the_run_is_wasted(num_steps: int, warmup: float) -> None:
    share = training.warm_up_and_decay(num_steps, warmup)
    assert all(0 < share(done) <= 1 for done in range(num_steps))


def test_a_run_without_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        training.warm_up_and_decay(0, 0.1)


@pytest.mark.parametrize("warmup", [-0.1, 1.5, float("nan")])
def test_a_warm_up_that_is_no_share_is_an_error(warmup: float) -> None:
    with pytest.raises(ValueError, match=r"warmup must be a share .* got .*; try 0.1"):
        training.warm_up_and_decay(10, warmup)
