import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bscl_jax import training
from bscl_jax.training._optimizer import _clip_by_norm

SAME_IN_FLOAT64 = 1e-12
FOUR_ROUNDINGS = 4 * 2.0**-24
RATE_IN_FLOAT32 = 1e-6
"""The learning rate is computed in float32, whatever the parameters are."""

STEPS = 6


def make_params() -> dict:
    rng = np.random.default_rng(0)
    return {
        "encoder": {"dense": {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}},
        "log_temperature": np.float64(-2.0),
        "logit_bias": np.float64(-10.0),
    }


def make_grads(step: int, scale: float = 1.0) -> dict:
    rng = np.random.default_rng(step + 1)
    return jax.tree.map(lambda leaf: scale * rng.normal(size=np.shape(leaf)), make_params())


def run(optimizer: optax.GradientTransformation, scale: float = 1.0) -> dict:
    params = jax.tree.map(jnp.asarray, make_params())
    state = optimizer.init(params)
    for step in range(STEPS):
        updates, state = optimizer.update(make_grads(step, scale), state, params)
        params = optax.apply_updates(params, updates)
    return params


def twin(*, bias_correction: bool, scale: float) -> dict:
    """The optimizer's equations in NumPy, leaf by leaf, all in float64."""
    params = make_params()
    flat, structure = jax.tree.flatten(params)  # bias, kernel, log_temperature, logit_bias
    decay, peak = [0, 0.01, 0, 0], [1e-2, 1e-2, 0.3, 0.3]
    mu, nu = [0.0] * 4, [0.0] * 4
    share = training.warm_up_and_decay(STEPS, 0.5)
    for step in range(STEPS):
        grads = jax.tree.leaves(make_grads(step, scale))
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        for i, g in enumerate(grads):
            g = g / max(norm, 1)
            mu[i] = 0.9 * mu[i] + 0.1 * g
            nu[i] = 0.999 * nu[i] + 0.001 * g**2
            m, v = mu[i], nu[i]
            if bias_correction:
                m, v = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
            update = m / (np.sqrt(v) + 1e-6) + decay[i] * flat[i]
            flat[i] = flat[i] - peak[i] * float(share(step)) * update
    return jax.tree.unflatten(structure, flat)


@pytest.mark.parametrize("bias_correction", [False, True])
@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_six_steps_equal_the_equations(bias_correction: bool, scale: float, float64: None) -> None:
    optimizer = training.make_optimizer(
        num_steps=STEPS,
        learning_rate=1e-2,
        temperature_learning_rate=0.3,
        warmup=0.5,
        bias_correction=bias_correction,
    )
    expected = twin(bias_correction=bias_correction, scale=scale)
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=RATE_IN_FLOAT32),
        run(optimizer, scale),
        expected,
    )


def test_a_long_gradient_is_clipped_so_that_its_length_does_not_matter(float64: None) -> None:
    long, longer = (run(training.make_optimizer(num_steps=STEPS), scale) for scale in (10.0, 100.0))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=SAME_IN_FLOAT64), long, longer)


@pytest.mark.parametrize("scale", [0.01, 10.0])
@pytest.mark.parametrize("knows_norm", [False, True])
def test_it_clips_as_optax_does_and_with_its_state(scale: float, knows_norm: bool) -> None:
    random = np.random.default_rng(0)
    gradient = {name: scale * random.standard_normal(9).astype(np.float32) for name in "ab"}
    theirs, ours = optax.clip_by_global_norm(1.0), _clip_by_norm(1.0)
    state = ours.init(gradient)
    assert state == theirs.init(gradient)
    known = {"gradient_norm": optax.tree.norm(gradient)} if knows_norm else {}
    found = jax.jit(ours.update)(gradient, state, **known)
    wanted = jax.jit(theirs.update)(gradient, state)
    most = 0 if scale < 1 else FOUR_ROUNDINGS
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=most, atol=0), found, wanted)


def test_only_weights_decay_and_not_biases_norms_and_the_scalars_of_the_loss() -> None:
    ones = jnp.ones(2)
    params = {
        "encoder": {
            "embedding": {"embedding": ones},
            "dense": {"kernel": ones, "bias": ones},
            "attention_norm": {"scale": ones, "bias": ones},
            "LayerNorm": {"weight": ones},
            "scan": {"layers": {"bias": jnp.ones((3, 2))}},
        },
        "log_temperature": jnp.ones(()),
        "logit_bias": jnp.ones(()),
    }
    optimizer = training.make_optimizer(num_steps=1, learning_rate=1.0, weight_decay=0.5, warmup=1)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    moved = {
        jax.tree_util.keystr(path, simple=True, separator="/"): float(leaf.min())
        for path, leaf in jax.tree_util.tree_leaves_with_path(updates)
        if leaf.any()
    }
    assert moved == {"encoder/embedding/embedding": -0.5, "encoder/dense/kernel": -0.5}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("temperature_learning_rate", -1.0),
        ("max_gradient_norm", 0.0),
        ("weight_decay", -0.1),
    ],
)
def test_a_number_out_of_range_is_an_error_that_names_it(keyword: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{keyword} must be >=? 0, got {value}"):
        training.make_optimizer(num_steps=10, **{keyword: value})


def test_the_state_has_the_same_structure_with_and_without_bias_correction() -> None:
    def structure(bias_correction: bool) -> list:
        optimizer = training.make_optimizer(num_steps=STEPS, bias_correction=bias_correction)
        state = jax.eval_shape(optimizer.init, make_params())
        leaves = jax.tree_util.tree_leaves_with_path(state)
        return [(path, leaf.shape, leaf.dtype) for path, leaf in leaves]

    assert structure(False) == structure(True)
