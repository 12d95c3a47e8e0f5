"""Products whose factors are rounded to bfloat16 on a CPU."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from bscl_jax import encoders
from bscl_jax.encoders._products import ROUNDED, dot_general, multiply
from bscl_jax.types import TokenBatch

CPU_FLAGS = Path("/proc/cpuinfo")
CONTRACTED = ((1,), (0,)), ((), ())


def draw(tokens: int) -> tuple[Array, Array, Array]:
    """Return values, a kernel, and the gradient of their product."""
    shapes = (tokens, 6), (6, 10), (tokens, 10)
    keys = jax.random.split(jax.random.key(tokens), 3)
    return tuple(jax.random.normal(*each) for each in zip(keys, shapes, strict=True))  # pyright: ignore


def rounded(array: Array) -> np.ndarray:
    return np.asarray(array.astype(jnp.bfloat16), np.float64)


def differentiated(product: Any, values: Array, kernel: Array, gradient: Array) -> list[Array]:
    """Return a product and the gradients of its factors, with the rounding of JAX's setting."""
    with jax.default_matmul_precision(ROUNDED):
        result, pull_back = jax.vjp(product, values, kernel)
    return [result, *pull_back(gradient)]


@pytest.mark.parametrize("tokens", [16, 13])
@pytest.mark.parametrize(
    "product", [multiply, lambda x, w: dot_general(x, w, CONTRACTED)], ids=["own", "dense"]
)
def test_factors_are_rounded_and_sums_are_not(product, tokens):
    values, kernel, gradient = draw(tokens)
    found = differentiated(jax.jit(product), values, kernel, gradient)
    x, w, g = map(rounded, (values, kernel, gradient))
    for mine, expected in zip(found, (x @ w, g @ w.T, x.T @ g), strict=True):
        assert mine.dtype == jnp.float32
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-5)


def test_without_the_setting_nothing_is_rounded():
    values, kernel, _ = draw(16)
    plain = values @ kernel
    assert (multiply(values, kernel) == plain).all()
    assert (dot_general(values, kernel, CONTRACTED) == plain).all()
    with jax.default_matmul_precision(ROUNDED):
        assert (multiply(values, kernel) != plain).any()


def test_what_is_not_float32_is_left_as_it_is():
    values, kernel, gradient = (each.astype(jnp.bfloat16) for each in draw(16))
    found = differentiated(multiply, values, kernel, gradient)
    assert [each.dtype for each in found] == 3 * [jnp.bfloat16]


def test_examples_that_are_mapped_over_are_multiplied_as_they_are_alone():
    values, kernel, gradient = draw(16)

    def of_one(values: Array, gradient: Array) -> list[Array]:
        return differentiated(multiply, values, kernel, gradient)

    batches = [jnp.stack([each, 2 * each]) for each in (values, gradient)]
    mapped = jax.vmap(of_one)(*batches)
    for number in range(2):
        alone = of_one(*(each[number] for each in batches))
        jax.tree.map(
            lambda one, other, number=number: np.testing.assert_allclose(
                one[number], other, rtol=1e-6, atol=1e-6
            ),
            mapped,
            alone,
        )


@pytest.mark.skipif(
    not CPU_FLAGS.is_file() or "avx512_bf16" not in CPU_FLAGS.read_text(),
    reason="needs a processor with AVX-512 BF16",
)
def test_the_processors_own_instructions_are_used_forward_and_backward():
    shapes = (256, 128), (128, 512), (256, 512)
    lowered = jax.jit(lambda *given: differentiated(multiply, *given)).lower(*map(jnp.ones, shapes))
    program = lowered.compile().as_text()
    assert len(re.findall(r" dot\(", program)) == 3
    assert len(re.findall(r"= bf16\S+ convert\(", program)) == 3
    assert not re.findall(r"= f32\S+ convert\(", program)  # to multiply as float32 all the same


def test_an_encoder_rounds_factors_and_keeps_its_own_weights_and_states_in_float32():
    texts = ["how to renew a book", "opening hours of the branch"]
    encoder, params = encoders.random(texts, seed=0, dtype="bfloat16")
    exact, _ = encoders.random(texts, seed=0)
    ids = np.array(encoder.tokenize(texts[:1]), np.int32)
    tokens = TokenBatch(ids, np.ones_like(ids, bool))
    mine, others = (each.hidden_states(params, tokens) for each in (encoder, exact))
    assert mine.dtype == jnp.float32
    assert 1e-5 < jnp.abs(mine - others).max() < 0.1


def test_another_type_of_the_same_encoder_is_that_of_one_made_with_it():
    made, params = encoders.random(["how to renew a book"], seed=0, dtype="bfloat16")
    turned = encoders.random(["how to renew a book"], seed=0)[0].with_dtype("bfloat16")
    ids = np.ones((1, 4), np.int32)
    tokens = TokenBatch(ids, np.ones_like(ids, bool))
    assert (made.apply(params, tokens) == turned.apply(params, tokens)).all()
    assert made.with_dtype("bfloat16") is made
    with pytest.raises(ValueError, match="dtype must be float32 or bfloat16, was 'float16'"):
        made.with_dtype("float16")
