"""The loss that a config makes, on many devices."""

import dataclasses

import jax
import numpy as np
import pytest

from bscl_jax import assemble, config, parallel
from bscl_jax.types import PairBatch, TokenBatch

ROWS, FEATURES = 16, 8
SAME_IN_FLOAT64 = 1e-12

SECTION = config.BatchSoftmaxLoss("batch_softmax", train_temperature=True, tile_size=3)
SECTIONS = {
    "batch_softmax": SECTION,
    "means over positives": dataclasses.replace(SECTION, reduction="positives"),
    "statistics of columns": dataclasses.replace(SECTION, normalize="minmax"),
    "both sides": dataclasses.replace(SECTION, same_side="both", partition="joint"),
    "hard negatives": dataclasses.replace(SECTION, hardness_strength=5.0),
    "prefixes": dataclasses.replace(SECTION, matryoshka_dims=[8, 3]),
    "combo": config.ComboLoss("combo", mu=0.4, train_temperature=True, tile_size=3),
}


def make_arguments() -> tuple:
    rng = np.random.default_rng(0)
    tokens = TokenBatch(np.zeros((ROWS, 3), np.int32), np.ones((ROWS, 3), bool))
    query_ids, target_ids = rng.integers(12, size=(2, ROWS)).astype(np.int32)
    weights = (np.arange(ROWS) < ROWS - 2).astype(np.float64)
    positive_ids = rng.integers(12, size=(ROWS, 3)).astype(np.int32)
    batch = PairBatch(
        *(tokens, tokens, rng.uniform(size=ROWS), weights, query_ids, target_ids),
        positive_ids=positive_ids,
    )
    queries, targets = rng.normal(size=(2, ROWS, FEATURES))
    return {"log_temperature": np.float64(-1)}, queries, targets, batch


def compute(section: config.Loss, devices: int) -> tuple:
    """Return the value, and the gradients of temperature, queries and targets."""
    (params, *rows), mesh = make_arguments(), parallel.make_mesh(devices)
    placed = parallel.replicate(params, mesh), *parallel.place(tuple(rows), mesh)
    loss = assemble.make_loss(section, mesh)
    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*placed)


def check(section: config.BatchSoftmaxLoss, implementation: str, devices: int) -> None:
    actual = compute(dataclasses.replace(section, implementation=implementation), devices)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(compute(section, 1)), strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=SAME_IN_FLOAT64 * np.abs(e).max())


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
@pytest.mark.parametrize("implementation", ["dense", "tiled", "panels"])
def test_every_implementation_gives_the_same_on_any_number_of_devices(
    implementation: str, devices: int, float64: None
) -> None:
    check(SECTION, implementation, devices)


@pytest.mark.parametrize("implementation", ["tiled", "panels"])
@pytest.mark.parametrize("section", list(SECTIONS)[1:])
def test_every_setting_gives_the_same_in_tiles_on_four_devices(
    section: str, implementation: str, float64: None
) -> None:
    check(SECTIONS[section], implementation, 4)


def test_in_tiles_each_device_meets_the_others_rows_and_does_its_own_part_of_the_work() -> None:
    section = dataclasses.replace(SECTION, implementation="tiled")
    mesh = parallel.make_mesh(4)
    program = jax.jit(assemble.make_loss(section, mesh)).lower(*make_arguments()).as_text()
    assert "collective_permute" in program
