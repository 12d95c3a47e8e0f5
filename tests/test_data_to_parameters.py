"""From a file to the parameters: whatever stands in the cells, no update is other than finite."""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bscl_jax import assemble, config, data, parallel, training
from bscl_jax.data import DataError
from bscl_jax.types import Pairs
from tests.gradients import toy

BATCH = 8
COLUMNS = {"query": "query", "target": "target", "label": "label"}
LOSSES = (
    config.CosineMseLoss("cosine_mse"),
    config.ComboLoss("combo"),
    config.BatchSoftmaxLoss("batch_softmax"),
    config.PearsonLoss("pearson"),
    config.CosentLoss("cosent"),
)
RANGES = ((0, 1), (0, 5), (-1, 1), (0, 1e39), (-1e308, 1e308), (0, 5e-324), (-1e300, 0), (0, 1e308))
CELLS = (
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e999",
    "1e39",
    "-1e39",
    "1e-46",
    "1e308",
    "-0",
    "٣",
    "",
)
"""Numbers of float64 that are none of float32 among them."""

cells = st.sampled_from(CELLS) | st.floats().map(repr) | st.integers().map(str)


def write(path: Path, labels: list[str]) -> Path:
    rows = [f"query {i}\ttarget {i}\t{label}\n" for i, label in enumerate(labels)]
    path.write_text("query\ttarget\tlabel\n" + "".join(rows), encoding="utf-8")
    return path


def tokenize(texts: list[str]) -> list[list[int]]:
    return [[1, 3 + int(text.split()[-1]) % 20, 2] for text in texts]


MESH = parallel.make_mesh(1)
OPTIMIZER = optax.sgd(0.1)


@functools.cache
def make_step(section: int) -> training.Step:
    """Make the step of a loss, compiled once."""
    loss = assemble.make_loss(LOSSES[section], MESH)
    return training.make_step(toy.encode, loss, OPTIMIZER, mesh=MESH)


def take_step(pairs: Pairs, section: int) -> dict[str, Any]:
    """Take one step on the first pairs and return the parameters."""
    store = data.tokenize_pairs(pairs, tokenize)
    lengths = {"query_lengths": (4,), "target_lengths": (4,), "pad_id": 0}
    order = np.arange(len(store.scores))
    batch = data.make_pair_batch(store, order, 0, batch_size=BATCH, **lengths)
    assert batch.scores.min() >= 0
    assert batch.scores.max() <= 1
    state = training.init_state(toy.make_params(dtype=np.float32), OPTIMIZER, mesh=MESH)
    state, _ = make_step(section)(state, parallel.place(batch, MESH), None)
    return state.params


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    labels=st.lists(cells, min_size=1, max_size=12),
    label_range=st.sampled_from(RANGES),
    on_error=st.sampled_from(["error", "skip"]),
    section=st.integers(0, len(LOSSES) - 1),
)
def test_whatever_stands_in_the_cells_scores_are_0_to_1_and_parameters_finite(
    tmp_path, labels, label_range, on_error, section
):
    low, high = map(float, label_range)
    sound = [repr(low), repr(high)] * (BATCH // 2)
    options = {"columns": COLUMNS, "label_range": label_range, "on_error": on_error}
    files = {
        "train": write(tmp_path / "train.tsv", [*labels, *sound]),
        "dev": write(tmp_path / "dev.tsv", sound[:2]),
    }
    if not np.isfinite(high - low):
        with pytest.raises(ValueError, match="a scale must run from a number to a greater one"):
            data.load_task("pairs", **files, **options)
        return
    refused = None
    try:
        task = data.load_task("pairs", **files, **options)
    except DataError as error:
        refused = str(error)
    if refused is not None:
        assert on_error == "error"
        assert refused.startswith(f"{files['train']}, line ")
        return
    scores = np.array(task.train.scores)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert len(scores) == len(labels) + BATCH - len(task.rejected)
    for leaf in jax.tree.leaves(take_step(task.train, section)):
        assert np.isfinite(leaf).all()
