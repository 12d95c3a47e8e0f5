import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import against_twin, twin
from tests.losses.scenes import (
    EXTRA_IDS,
    EXTRAS,
    LABELS,
    QUERIES,
    QUERY_IDS,
    TARGET_IDS,
    TARGETS,
    in_halves,
)
from tests.losses.test_cosine_mse import SCORES, WEIGHTS

FLOAT64 = 1e-12
TEMPERATURE = 0.4
DIMS, VALUES = [3, 1, 2], [1.0, 0.5, 0.25]
ROWS = {"queries": QUERIES, "targets": TARGETS, "extra_targets": EXTRAS}
IDS = {"query_ids": QUERY_IDS, "target_ids": TARGET_IDS, "extra_ids": EXTRA_IDS}
FIXED = {"labels": LABELS} | {name: in_halves(ids) for name, ids in IDS.items()}

nested = losses.matryoshka(losses.batch_softmax, DIMS, VALUES)


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return nested(**rows, **fixed, temperature=shared, normalize="range", axis_name=axis_name)


def of_twin(rows: Any, temperature: Any, fixed: Any) -> Any:
    total = 0
    for dim, value in zip(DIMS, VALUES, strict=True):
        prefixes = {name: x[:, :dim] for name, x in rows.items()}
        total += value * twin.batch_softmax(
            **prefixes, **fixed, temperature=temperature, normalize="range"
        )
    return total


@pytest.mark.usefixtures("float64")
def test_one_pair_has_the_weighted_sum_that_one_computes_by_hand() -> None:
    queries, targets = jnp.array([[1.0, 0]]), jnp.array([[3.0, 4]])
    # Cosine 1 of the first feature alone, 3/5 of both.
    both = losses.matryoshka(losses.cosine_mse, [2, 1], weights=[1, 10])
    found = both(queries, targets, jnp.array([0.5]))
    assert float(found) == pytest.approx(0.1**2 + 10 * 0.5**2, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("context", "devices"), [("jit", 1), ("shard_map_checked", 4), ("jit_sharded", 8), ("pmap", 2)]
)
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(
    context: str, devices: int
) -> None:
    against_twin.check(loss, of_twin, (ROWS, TEMPERATURE, FIXED), context, devices)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("context", "devices"), against_twin.EVERYWHERE)
def test_the_whole_product_of_contexts_and_devices(context: str, devices: int) -> None:
    against_twin.check(loss, of_twin, (ROWS, TEMPERATURE, FIXED), context, devices)


CALLS = {
    "batch_softmax": (losses.batch_softmax, (QUERIES, TARGETS), {"reduction": "none"}),
    "combo": (losses.combo, (QUERIES, TARGETS, SCORES), {"mu": 0.3}),
    "cosent": (losses.cosent, (QUERIES, TARGETS, SCORES), {"weights": WEIGHTS}),
    "cosine_mse": (losses.cosine_mse, (QUERIES, TARGETS, SCORES), {}),
    "pearson": (losses.pearson, (QUERIES, TARGETS, SCORES), {}),
    "sigmoid": (losses.sigmoid, (QUERIES, TARGETS), {"bias": -1.0}),
    "supervised": (losses.supervised, (QUERIES, QUERY_IDS), {}),
    "triplet": (losses.triplet, (QUERIES, TARGETS), {"negatives": EXTRAS}),
}


def test_every_loss_of_the_room_is_tested_here() -> None:
    assert {*CALLS, "matryoshka"} == set(losses.__all__)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", CALLS)
def test_every_loss_is_that_of_its_prefixes(name: str) -> None:
    loss, arguments, keywords = CALLS[name]

    def prefix(x: Any) -> Any:
        return x[:, :2] if np.ndim(x) == 2 else x

    found = losses.matryoshka(loss, [3, 2])(*arguments, **keywords)
    of_prefixes = {key: prefix(x) for key, x in keywords.items()}
    expected = loss(*arguments, **keywords) + loss(*map(prefix, arguments), **of_prefixes)
    np.testing.assert_allclose(found, expected, rtol=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_the_full_number_of_features_alone_is_the_loss_itself() -> None:
    found = losses.matryoshka(losses.batch_softmax, [3])(QUERIES, TARGETS)
    assert float(found) == float(losses.batch_softmax(QUERIES, TARGETS))


@pytest.mark.usefixtures("unchecked")
def test_dims_may_be_an_array() -> None:
    found = losses.matryoshka(losses.batch_softmax, np.array([3, 2]))(QUERIES, TARGETS)
    assert float(found) == float(losses.matryoshka(losses.batch_softmax, [3, 2])(QUERIES, TARGETS))


def test_features_beyond_the_longest_prefix_get_no_gradient() -> None:
    short = losses.matryoshka(losses.batch_softmax, [1, 2])
    gradient = jax.grad(short)(jnp.asarray(QUERIES), TARGETS)
    assert np.any(gradient, axis=0).tolist() == [True, True, False]


def test_a_loss_of_your_own_with_settings_of_its_own_is_nested_too() -> None:
    mine = functools.partial(losses.sigmoid, bias=-2.0)
    found = losses.matryoshka(mine, [2])(queries=QUERIES, targets=TARGETS)
    assert float(found) == float(losses.sigmoid(QUERIES[:, :2], TARGETS[:, :2], bias=-2.0))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("dims", "weights", "message"),
    [
        ([], None, r"dims must be positive whole.*, at least one and each once; got \[\]"),
        ([2, 0], None, r"dims must be positive.*got \[2, 0\]"),
        ([2.0, 1.5], None, r"whole numbers.*got \[2.0, 1.5\]"),
        ([2, 2], None, r"each once; got \[2, 2\]"),
        ([2, 1], [1.0], r"one finite number for each of the 2 dims; got \[1.0\]"),
        ([2, 1], [1.0, float("nan")], "one finite number for each"),
        ([2, 1], [float("inf"), 1.0], "one finite number for each"),
        ([2, 1], [1.0, 1.0, 1.0], "one finite number for each of the 2 dims"),
    ],
)
def test_wrong_dims_and_weights_are_refused_when_the_loss_is_made(
    dims: Any, weights: list[float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        losses.matryoshka(losses.batch_softmax, dims, weights)


def test_dims_beyond_the_features_are_refused_when_the_loss_is_called() -> None:
    with pytest.raises(ValueError, match=r"not exceed the embeddings' 3 features; got \[4, 2\]"):
        losses.matryoshka(losses.batch_softmax, [4, 2])(QUERIES, TARGETS)


def test_a_call_without_embeddings_is_refused() -> None:
    with pytest.raises(ValueError, match=r"and none was given; pass the embeddings as arrays"):
        losses.matryoshka(losses.batch_softmax, [1])(QUERY_IDS, TARGET_IDS)
