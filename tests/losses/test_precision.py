"""How many digits float32 keeps, from a loss of a millionth to a thousand, and what takes them.

Nothing cancels between the log-sum-exp and the positive, so that what remains is the rounding of
the similarities, a few units in the last place of 1 beside the temperature that divides them.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses.scenes import HOW

PRECISE = 5e-6
TEMPERATURES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.00125)
ENOUGH = 0.05
"""The temperature from which on value and gradient are precise whatever the loss."""

OF_A_LOGIT = 5 * 2**-24
"""Times 1/τ: what a difference of two logits is uncertain by."""


class Digits(NamedTuple):
    """A loss in float64, and the relative errors of float32; a gradient's of its largest entry."""

    loss: float
    value: float
    gradient: float


@functools.cache
def compiled(how: str) -> Any:
    def loss(queries: Any, targets: Any, temperature: Any) -> jax.Array:
        return losses.batch_softmax(queries, targets, temperature=temperature, **HOW[how])

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))


def batches(b: int, d: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Targets near their query, far from it, and opposite; texts at random, and of one topic."""
    random = np.random.default_rng(b * d)
    for topic, noise in itertools.product((0, 1.5), np.geomspace(0.03, 20, 12)):
        queries, others = random.normal(size=(2, b, d)) + topic * random.normal(size=d)
        yield queries, queries + noise * others
    for turn in (0.5, 1.0, 1.5, 2.0):
        queries, others = random.normal(size=(2, b, d))
        yield queries, (1 - turn) * queries + 0.1 * others


def measured(temperature: float, how: str, b: int = 16, d: int = 48) -> list[Digits]:
    """Measures all batches whose loss is between a millionth and a thousand."""
    found, narrow = [], np.float32(temperature)
    for batch in batches(b, d):
        rounded = [x.astype(np.float32) for x in batch]
        exact, slopes = compiled("dense")(*(x.astype(float) for x in rounded), float(narrow))
        if not 1e-6 <= exact <= 1e3:
            continue
        value, gradients = compiled(how)(*rounded, narrow)
        assert value.dtype == jnp.float32
        off = [
            float(np.abs(x - y).max() / np.abs(y).max())
            for x, y in zip(gradients, slopes, strict=True)
        ]
        found.append(Digits(float(exact), float(abs(value - exact) / exact), max(off)))
    return found


def check(digits: list[Digits], temperature: float) -> None:
    uncertain = OF_A_LOGIT / temperature
    for loss, value, gradient in digits:
        assert value <= max(PRECISE, uncertain / max(loss, 1)), (loss, value)
        assert gradient <= max(PRECISE, 2 * uncertain), (loss, gradient)
        if temperature >= ENOUGH:
            assert max(value, gradient) <= PRECISE, (loss, value, gradient)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("how", HOW)
def test_an_error_is_that_of_a_logit_and_below_5e_6_from_a_temperature_of_a_twentieth(
    how: str, temperature: float
) -> None:
    check(measured(temperature, how), temperature)


@pytest.mark.usefixtures("float64")
def test_the_batches_above_have_losses_of_every_size_from_a_millionth_to_a_thousand() -> None:
    found = [digits.loss for x in TEMPERATURES for digits in measured(x, "dense")]
    assert {math.floor(math.log10(loss)) for loss in found} == set(range(-6, 3))
    assert max(found) > 900


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("b", "d"), [(2, 64), (33, 3), (16, 1024), (129, 384)])
def test_the_digits_are_those_of_the_temperature_whatever_the_shape(
    b: int, d: int, how: str, temperature: float
) -> None:
    check(measured(temperature, how, b, d), temperature)
