"""GELU in bfloat16, by polynomials, and as cuBLAS has it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from bscl_jax import encoders
from bscl_jax.encoders import _gelu
from bscl_jax.encoders._gelu import gelu, gelu_of_product
from bscl_jax.types import TokenBatch

VALUES = np.concatenate([np.linspace(-9, 9, 40_001), [-1e30, -100.0, 100.0, 1e30]])
PHI = (1 + erf(VALUES / np.sqrt(2))) / 2
SLOPE = PHI + VALUES * np.exp(-np.square(VALUES) / 2) / np.sqrt(2 * np.pi)


def test_its_polynomials_are_as_near_as_they_say():
    wide = jnp.asarray(VALUES, jnp.float32)
    found = jnp.maximum(wide, -_gelu.LARGEST) * _gelu._half_plus_odd(wide, _gelu.PHI)
    slope = np.asarray(_gelu._half_plus_odd(wide, _gelu.SLOPE), np.float64)
    np.testing.assert_allclose(found, VALUES * PHI, rtol=1e-6, atol=1.65e-5)
    np.testing.assert_allclose(slope, SLOPE, rtol=0, atol=7e-5)


def test_in_bfloat16_it_is_the_exact_one_but_for_rounding():
    values = jnp.asarray(VALUES, jnp.bfloat16)
    exact = gelu(values.astype(jnp.float32))
    np.testing.assert_allclose(gelu(values).astype(jnp.float32), exact, rtol=2**-8, atol=1.65e-5)
    assert gelu(values).dtype == jnp.bfloat16


@pytest.mark.parametrize("function", [gelu, gelu_of_product])
def test_in_float32_the_backward_pass_keeps_the_values_alone(function) -> None:
    values = jnp.asarray(VALUES[:-4], jnp.float32)
    _, pull = jax.vjp(function, values)
    (kept,) = jax.tree.leaves(pull)
    np.testing.assert_array_equal(kept, values)
    np.testing.assert_allclose(pull(jnp.ones_like(values))[0], SLOPE[:-4], rtol=0, atol=5e-7)


def test_the_one_of_cublas_is_off_by_less_than_half_a_thousandth() -> None:
    values = jnp.asarray(VALUES, jnp.float32)
    np.testing.assert_allclose(_gelu._gelu_by_tanh(values), VALUES * PHI, rtol=1e-6, atol=4.8e-4)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_of_a_product_it_is_the_one_of_cublas_on_a_gpu_in_bfloat16(backend, monkeypatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    for dtype in (jnp.float32, jnp.bfloat16):
        by_cublas = backend == "gpu" and dtype == jnp.bfloat16
        values = jnp.asarray(VALUES, dtype)
        wanted = jax.nn.gelu(values, approximate=True) if by_cublas else gelu(values)
        np.testing.assert_array_equal(gelu_of_product(values), wanted)


@pytest.mark.parametrize(("dtype", "layers_by_cublas"), [("bfloat16", 2), ("float32", 0)])
def test_each_layer_has_on_a_gpu_what_xla_gives_to_cublas(
    dtype, layers_by_cublas, monkeypatch
) -> None:
    encoder, params = encoders.random(["one word"], seed=0, dtype=dtype, attention="plain")
    ids = np.ones((2, 8), np.int32)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    traced = jax.jit(encoder.apply).trace(params, TokenBatch(ids, ids > 0))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert len(re.findall(r"stablehlo.tanh .*tensor<16x128xbf16>", text)) == layers_by_cublas
    assert text.count("stablehlo.tanh") == layers_by_cublas


@pytest.mark.parametrize("function", [gelu, _gelu._gelu_by_tanh])
@pytest.mark.parametrize("way", [jax.jvp, "vjp"])
def test_in_bfloat16_its_gradient_is_the_exact_one_but_for_rounding(way, function):
    values, ones = jnp.asarray(VALUES, jnp.bfloat16), jnp.ones(len(VALUES), jnp.bfloat16)
    if way == "vjp":
        (found,) = jax.vjp(function, values)[1](ones)
    else:
        _, found = jax.jvp(function, (values,), (ones,))
    exact = jax.vmap(jax.grad(gelu))(values.astype(jnp.float32))
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), exact, rtol=2**-8, atol=7e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_what_is_no_number_stays_none(dtype):
    values = jnp.array([jnp.nan, jnp.inf], dtype)
    np.testing.assert_array_equal(np.isnan(gelu(values).astype(np.float32)), [True, False])
