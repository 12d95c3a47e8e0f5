"""Frozen parameters and low-rank adapters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.types import TokenBatch

TARGETS = ["*query/kernel", "*value/kernel"]


@pytest.fixture(scope="module")
def made():
    return encoders.random(["how to renew a book"], seed=0, num_layers=2, hidden_size=16)


@pytest.fixture(scope="module")
def tokens(made) -> TokenBatch:
    ids = np.array(made[0].tokenize(["renew a book"]))
    return TokenBatch(ids, np.ones(ids.shape, bool))


def test_patterns_are_of_whole_paths(made) -> None:
    found = encoders.matching(made[1], ["embeddings/*", "layer_[01]/*/bias"])
    assert ("embeddings", "norm", "scale") in found
    assert ("layer_1", "query", "bias") in found
    assert ("layer_1", "query", "kernel") not in found
    assert encoders.matching(made[1], []) == set()


@pytest.mark.parametrize("pattern", ["query/kernel", "layer_2/*", "Embeddings/*"])
def test_a_pattern_that_fits_nothing_is_refused_with_what_there_is(made, pattern: str) -> None:
    with pytest.raises(ValueError, match="fits no parameter; there are embeddings/norm/bias"):
        encoders.matching(made[1], [pattern])


def test_frozen_parameters_have_no_gradient_and_the_others_theirs(made, tokens) -> None:
    encoder, params = made

    def loss(params, patterns):
        return encoder.apply(encoders.freeze(params, patterns), tokens)[0, 0]

    grads, all_grads = (jax.grad(loss)(params, patterns) for patterns in (["layer_0/*"], []))
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf, 0), grads["layer_0"])
    for name in ("embeddings", "layer_1"):
        jax.tree.map(
            lambda leaf, expected: np.testing.assert_allclose(leaf, expected, rtol=1e-5, atol=1e-7),
            grads[name],
            all_grads[name],
        )


@pytest.mark.parametrize("scan_layers", [False, True])
def test_new_adapters_change_nothing_and_trained_ones_what_they_should(scan_layers) -> None:
    options = {"num_layers": 2, "hidden_size": 16, "scan_layers": scan_layers}
    _, params = encoders.random(["how to renew a book"], seed=0, **options)
    lora = encoders.init_lora(params, rank=3, targets=TARGETS, seed=1)
    merged = encoders.merge_lora(params, lora, scale=2.0)
    jax.tree.map(np.testing.assert_array_equal, merged, params)
    trained = jax.tree.map(lambda leaf: leaf + 0.1, lora)
    merged = encoders.merge_lora(params, trained, scale=2.0)
    layer = "layers" if scan_layers else "layer_1"
    adapter = trained[layer]["query"]["kernel"]
    down, up = (np.asarray(adapter[name], np.float64) for name in ("down", "up"))
    assert down.shape[-2:] == (16, 3)
    np.testing.assert_allclose(
        merged[layer]["query"]["kernel"],
        params[layer]["query"]["kernel"] + 2.0 * (down @ up),
        atol=1e-7,
    )
    same = merged[layer]["key"]["kernel"], params[layer]["key"]["kernel"]
    np.testing.assert_array_equal(*same)


def test_the_gradient_of_an_adapter_is_that_of_its_matrix(made, tokens) -> None:
    encoder, params = made
    lora = encoders.init_lora(params, rank=2, targets=TARGETS, seed=0)
    lora = jax.tree.map(lambda leaf: leaf + 0.05, lora)

    def loss(params):
        return jnp.sin(encoder.apply(params, tokens)).sum()

    grads = jax.grad(lambda lora: loss(encoders.merge_lora(params, lora, scale=0.5)))(lora)
    of_matrix = jax.grad(loss)(encoders.merge_lora(params, lora, scale=0.5))
    adapter, found = lora["layer_0"]["value"]["kernel"], grads["layer_0"]["value"]["kernel"]
    matrix = of_matrix["layer_0"]["value"]["kernel"]
    np.testing.assert_allclose(found["up"], 0.5 * adapter["down"].T @ matrix, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["down"], 0.5 * matrix @ adapter["up"].T, rtol=1e-4, atol=1e-6)


def test_adapters_differ_from_each_other_and_by_seed(made) -> None:
    one, other = (
        encoders.init_lora(made[1], rank=2, targets=TARGETS, seed=seed) for seed in (0, 1)
    )
    first, second = (one[layer]["query"]["kernel"]["down"] for layer in ("layer_0", "layer_1"))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other["layer_0"]["query"]["kernel"]["down"])


@pytest.mark.parametrize(
    ("rank", "targets", "message"),
    [
        (0, TARGETS, "rank must be >= 1, was 0"),
        (2, ["*"], "embeddings/norm/bias is no matrix of a dense layer"),
        (2, ["embeddings/token/*"], "is no matrix of a dense layer"),
        (2, ["*bias"], "is no matrix"),
    ],
)
def test_what_cannot_be_adapted_is_refused(made, rank, targets, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoders.init_lora(made[1], rank=rank, targets=targets, seed=0)
