"""batch_softmax and MultipleNegativesRankingLoss of sentence-transformers, in value and gradient.

Torch runs in a Python of its own (``conftest.py``), in float64.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from bscl_jax import losses

TOLERANCE = 1e-10
B, D = 7, 5
TEMPERATURE = 0.2

THEIRS = """
import json, sys
import numpy as np
import torch
from sentence_transformers.sentence_transformer import losses

given, found = dict(np.load(sys.argv[1])), {}
for name, options in json.loads(sys.argv[3]).items():
    count = options.pop("columns")
    columns = [torch.tensor(x).requires_grad_() for x in list(given.values())[:count]]
    loss = losses.MultipleNegativesRankingLoss(torch.nn.Identity(), **options)
    value = loss.compute_loss_from_embeddings(columns, None)
    value.backward()
    found[name] = value.detach()
    for i, column in enumerate(columns):
        found[f"{name}/{i}"] = column.grad
np.savez(sys.argv[2], **found)
"""
QUERIES, TARGETS, NEGATIVES = np.random.default_rng(3).normal(size=(3, B, D))
BOTH = ("query_to_doc", "doc_to_query")
ALL = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")

# Theirs beside ours: the number of columns, their options, our keywords.
CASES: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    "queries": (2, {}, {"direction": "queries"}),
    "hard negatives": (3, {}, {"direction": "queries"}),
    "both": (2, {"directions": BOTH, "partition_mode": "per_direction"}, {}),
    "one softmax": (2, {"directions": BOTH}, {"partition": "joint"}),
    "all in one": (2, {"directions": ALL}, {"partition": "joint", "same_side": "both"}),
    "queries among themselves": (
        2,
        {"directions": ("query_to_doc", "query_to_query")},
        {"direction": "queries", "same_side": "queries"},
    ),
    "targets among themselves": (
        2,
        {"directions": ("query_to_doc", "doc_to_doc")},
        {"direction": "queries", "partition": "joint", "same_side": "targets"},
    ),
    "hardness": (
        2,
        {"hardness_mode": "in_batch_negatives", "hardness_strength": 4.0},
        {"direction": "queries", "hardness_mode": "batch", "hardness_strength": 4.0},
    ),
    "hardness of all": (
        3,
        {"hardness_mode": "all_negatives", "hardness_strength": 4.0},
        {"direction": "queries", "hardness_strength": 4.0},
    ),
}


@pytest.fixture(scope="module")
def theirs(torch_python: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("batch_softmax")
    np.savez(folder / "given.npz", queries=QUERIES, targets=TARGETS, negatives=NEGATIVES)
    options = {
        name: {"columns": columns, "scale": 1 / TEMPERATURE, **of_theirs}
        for name, (columns, of_theirs, _) in CASES.items()
    }
    files = [str(folder / "given.npz"), str(folder / "found.npz")]
    command = [torch_python, "-c", THEIRS, *files, json.dumps(options)]
    subprocess.run(command, check=True, capture_output=True)
    return np.load(folder / "found.npz")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("implementation", ["dense", "tiled"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_sentence_transformers(
    name: str, implementation: str, theirs: Any
) -> None:
    columns, _, keywords = CASES[name]

    def loss(queries: Any, targets: Any, *extra: Any) -> jax.Array:
        return losses.batch_softmax(
            queries,
            targets,
            extra_targets=extra[0] if extra else None,
            temperature=TEMPERATURE,
            implementation=implementation,
            tile_size=4,
            **keywords,
        )

    given = (QUERIES, TARGETS, NEGATIVES)[:columns]
    compute = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(columns))))
    value, gradients = compute(*given)
    np.testing.assert_allclose(value, theirs[name], rtol=TOLERANCE)
    for i, gradient in enumerate(gradients):
        np.testing.assert_allclose(gradient, theirs[f"{name}/{i}"], rtol=TOLERANCE, atol=TOLERANCE)
