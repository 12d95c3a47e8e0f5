"""What of an encoder is trained, and what leaves the run."""

import jax
import numpy as np
import optax
import pytest

from bscl_jax import assemble, encoders, training
from bscl_jax.assemble import _weights
from tests.example_run import parse

LORA = "encoder.lora={rank: 2, alpha: 8, targets: ['*query/kernel']}"


@pytest.fixture(scope="module")
def weights():
    return encoders.random(["how to renew a book"], seed=0, num_layers=2, hidden_size=8)[1]


def random_section(*settings: str):
    return parse("encoder={kind: random}", *settings).encoder


def updated(section, params, times: int = 2):
    """Train with a gradient of ones where there is one; return parameters and state."""
    optimizer = _weights.train_only(
        training.make_optimizer(num_steps=10, learning_rate=0.1, warmup=0), {"encoder": section}
    )
    state = optimizer.init(params)
    for _ in range(times):
        grads = jax.grad(
            lambda params: sum(
                leaf.sum() for leaf in jax.tree.leaves(assemble.weights_of(section, params))
            )
        )(params)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


def test_frozen_parameters_keep_their_bits_and_have_no_moments(weights) -> None:
    section = random_section("encoder.freeze=['layer_0/*', 'embeddings/*']")
    params, state = updated(section, {"encoder": weights})
    for name in ("layer_0", "embeddings"):
        jax.tree.map(np.testing.assert_array_equal, params["encoder"][name], weights[name])
    assert not np.array_equal(
        params["encoder"]["layer_1"]["query"]["kernel"], weights["layer_1"]["query"]["kernel"]
    )
    trained = sum(leaf.size for leaf in jax.tree.leaves(weights["layer_1"]))
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) < 2 * trained + 10


def test_with_adapters_nothing_else_of_the_encoder_is_trained(weights) -> None:
    section = random_section(LORA)
    start = {"encoder": weights, **_weights.adapters(section, weights, seed=0)}
    params, state = updated(section, start)
    jax.tree.map(np.testing.assert_array_equal, params["encoder"], weights)
    adapter = params["lora"]["layer_1"]["query"]["kernel"]
    assert np.abs(adapter["up"]).min() > 0
    merged = assemble.weights_of(section, params)["layer_1"]["query"]["kernel"]
    change = 4 * np.asarray(adapter["down"]) @ np.asarray(adapter["up"])
    np.testing.assert_allclose(merged, weights["layer_1"]["query"]["kernel"] + change, rtol=1e-5)
    sizes = sum(leaf.size for leaf in jax.tree.leaves(params["lora"]))
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) < 2 * sizes + 10


def test_a_new_projection_is_trained_beside_adapters_and_no_other_dense_layer(weights) -> None:
    section = random_section(LORA, "encoder.projection={out_features: 3}")
    layers = {"dense_0": {"kernel": np.ones((8, 8))}, "dense_1": {"kernel": np.ones((8, 3))}}
    start = weights | layers
    params = {"encoder": start, **_weights.adapters(section, start, seed=0)}
    params, state = updated(section, params)
    after = params["encoder"]
    assert np.all(after["dense_1"]["kernel"] < layers["dense_1"]["kernel"])
    for name in start.keys() - {"dense_1"}:
        jax.tree.map(np.testing.assert_array_equal, after[name], start[name])
    sizes = sum(leaf.size for leaf in jax.tree.leaves(params["lora"])) + 8 * 3
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) < 2 * sizes + 10


def test_each_of_two_encoders_is_trained_as_its_section_says(weights) -> None:
    sections = {
        "encoder": random_section(LORA),
        "target_encoder": random_section("encoder.freeze=['embeddings/*']"),
    }
    start = {
        "encoder": weights,
        "target_encoder": weights,
        **_weights.adapters(sections["encoder"], weights, seed=0),
    }
    optimizer = _weights.train_only(
        training.make_optimizer(num_steps=10, learning_rate=0.1, warmup=0), sections
    )
    state = optimizer.init(start)
    updates, _ = optimizer.update(jax.tree.map(np.ones_like, start), state, start)
    changed = optax.apply_updates(start, updates)
    kept = {"encoder": changed["encoder"], "embeddings": changed["target_encoder"]["embeddings"]}
    jax.tree.map(
        lambda leaf, before: np.testing.assert_array_equal(leaf, before + 1),
        kept,
        {"encoder": weights, "embeddings": weights["embeddings"]},
    )
    moved = changed["target_encoder"]["layer_0"], changed["lora"]["layer_0"]["query"]
    for leaf, before in zip(
        jax.tree.leaves(moved),
        jax.tree.leaves((weights["layer_0"], start["lora"]["layer_0"]["query"])),
        strict=True,
    ):
        assert np.all(leaf < before)


def test_adapters_of_the_targets_are_added_to_the_targets_alone(weights) -> None:
    section = random_section(LORA)
    params = {"encoder": weights, "target_encoder": weights}
    for key in ("encoder", "target_encoder"):
        params |= _weights.adapters(section, weights, seed=0, key=key)
    params["target_lora"] = jax.tree.map(lambda leaf: leaf + 0.1, params["target_lora"])
    queries, targets = (
        assemble.weights_of(section, params, key=key)["layer_0"]["query"]["kernel"]
        for key in ("encoder", "target_encoder")
    )
    np.testing.assert_array_equal(queries, weights["layer_0"]["query"]["kernel"])
    assert np.abs(targets - queries).min() > 0


def test_without_either_the_optimizer_is_the_plain_one(weights) -> None:
    section = random_section()
    optimizer = training.make_optimizer(num_steps=10)
    assert _weights.train_only(optimizer, {"encoder": section}) is optimizer
    assert _weights.adapters(section, weights, seed=0) == {}
    plain = assemble.weights_of(section, {"encoder": weights})
    jax.tree.map(np.testing.assert_array_equal, plain, weights)


def test_a_frozen_pattern_that_fits_nothing_is_refused(weights) -> None:
    section = random_section("encoder.freeze=['layer_9/*']")
    with pytest.raises(ValueError, match="'layer_9/\\*' fits no parameter"):
        _weights.adapters(section, weights, seed=0)
