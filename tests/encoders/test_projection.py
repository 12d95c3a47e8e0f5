"""A new layer behind an encoder."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit

from bscl_jax import encoders
from bscl_jax.types import TokenBatch

SAME = 2e-6
"""float32 against a twin in float64, values and gradients of order 1."""


def sech2(x: np.ndarray) -> np.ndarray:
    return 1 / np.cosh(x) ** 2


def gelu_slope(x: np.ndarray) -> np.ndarray:
    return (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


ACTIVATIONS = {
    "identity": (lambda x: x, np.ones_like),
    "tanh": (np.tanh, sech2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "gelu": (lambda x: x * (1 + erf(x / np.sqrt(2))) / 2, gelu_slope),
    "silu": (lambda x: x * expit(x), lambda x: expit(x) * (1 + x * (1 - expit(x)))),
    "sigmoid": (expit, lambda x: expit(x) * (1 - expit(x))),
}
"""In float64: the function and its slope."""


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_and_gradients_are_those_of_a_float64_twin(small, activation: str) -> None:
    encoder, params = encoders.add_projection(
        *small[:2], out_features=5, activation_function=activation, seed=1
    )
    rng = np.random.default_rng(0)
    pooled, factors = rng.normal(size=(4, 16)).astype(np.float32), rng.normal(size=(4, 5))
    found, pull = jax.vjp(encoder.dense[0].apply, params["dense_0"], pooled)
    grads, back = pull(jnp.asarray(factors, jnp.float32))
    kernel, bias = (np.asarray(params["dense_0"][name], np.float64) for name in ("kernel", "bias"))
    function, slope = ACTIVATIONS[activation]
    inner = pooled @ kernel + bias
    of_inner = factors * slope(inner)
    np.testing.assert_allclose(found, function(inner), rtol=0, atol=SAME)
    np.testing.assert_allclose(grads["kernel"], pooled.T @ of_inner, rtol=0, atol=SAME)
    np.testing.assert_allclose(grads["bias"], of_inner.sum(axis=0), rtol=0, atol=SAME)
    np.testing.assert_allclose(back, of_inner @ kernel.T, rtol=0, atol=SAME)


def test_the_model_below_gets_its_gradient_through_the_projection(small, batch) -> None:
    """Of the model alone, it is the gradient of the twin's product with what comes back."""
    encoder, params, apply = small
    head, of_head = encoders.add_projection(
        encoder, params, out_features=5, activation_function="tanh", seed=1
    )
    factors = np.random.default_rng(0).normal(size=(len(batch.ids), 5))
    kernel, bias = (np.asarray(of_head["dense_0"][name], np.float64) for name in ("kernel", "bias"))
    inner = np.asarray(apply(params, batch), np.float64) @ kernel + bias
    back = factors * sech2(inner) @ kernel.T

    def product(model: encoders.Encoder, params, factors: np.ndarray):
        return (model.apply(params, batch) * factors).sum()

    grads = jax.jit(jax.grad(partial(product, head, factors=factors)))(of_head)
    of_below = jax.jit(jax.grad(partial(product, encoder, factors=back)))(params)
    for name in params:
        jax.tree.map(
            lambda actual, wanted: np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5),
            grads[name],
            of_below[name],
        )


def test_a_saved_projection_is_a_dense_module_that_loads_to_the_same_bits(
    small, tmp_path: Path
) -> None:
    encoder, params = encoders.add_projection(*small[:2], out_features=5, bias=False, seed=1)
    encoders.save(tmp_path / "model", encoder, params)
    again, loaded = encoders.load(tmp_path / "model")
    assert (again.dense, again.dimension, again.normalize) == (encoder.dense, 5, True)
    jax.tree.map(np.testing.assert_array_equal, loaded, params)


def test_a_second_projection_follows_the_first(small, batch: TokenBatch) -> None:
    encoder, params = encoders.add_projection(*small[:2], out_features=5, seed=1)
    first = encoder.apply(params, batch)
    encoder, params = encoders.add_projection(encoder, params, out_features=3, seed=1)
    assert encoders.last_dense(params) == "dense_1"
    wanted = first @ params["dense_1"]["kernel"] + params["dense_1"]["bias"]
    np.testing.assert_allclose(encoder.apply(params, batch), wanted, rtol=0, atol=SAME)


def test_weights_are_those_of_the_seed_and_within_the_bound(small) -> None:
    def head(seed: int):
        return encoders.add_projection(*small[:2], out_features=50, seed=seed)[1]["dense_0"]

    one, same, other = head(1), head(1), head(2)
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert not np.array_equal(one["kernel"], other["kernel"])
    bound = 1 / np.sqrt(small[0].dimension)
    assert 0.9 * bound < jnp.abs(one["kernel"]).max() <= bound
    assert one["bias"].shape == (50,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"out_features": 0}, "out_features must be from 1, was 0"),
        ({"out_features": 2, "activation_function": "elu"}, "must be one of gelu, .*, was 'elu'"),
    ],
)
def test_what_cannot_be_added_is_refused(small, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoders.add_projection(*small[:2], seed=0, **settings)
