"""Our losses and those of torch libraries on the same embeddings, in value and gradient.

Torch runs in a Python of its own (``conftest.py``), in float64.
"""

import subprocess
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses

TOLERANCE = 1e-10
B, D = 6, 8
DIMS, WEIGHTS = [8, 3, 5], [1.0, 0.5, 0.25]
MARGIN, TEMPERATURE, BIAS = 1.5, 0.3, -2.0

THEIRS = """
import sys
from types import SimpleNamespace
import numpy as np
import torch
from sentence_transformers.sentence_transformer import losses
from transformers import SiglipConfig, SiglipModel

given = {name: torch.tensor(x) for name, x in np.load(sys.argv[1]).items()}
labels, settings, found = given.pop("labels"), given.pop("settings").tolist(), {}
margin, temperature, bias = settings
dims, weights = given.pop("dims").tolist(), given.pop("weights").tolist()


class Model(torch.nn.Module):
    def forward(self, features):
        return {"sentence_embedding": features["x"]}

    def get_embedding_dimension(self):
        return given["queries"].shape[1]


def keep(name, loss):
    sides = [x.clone().requires_grad_() for x in given.values()]
    value = loss(*sides)
    value.backward()
    found[name] = value.detach()
    for i, side in enumerate(sides):
        found[f"{name}/{i}"] = side.grad


def sigmoid(queries, targets):
    tower = dict(hidden_size=8, intermediate_size=8, num_attention_heads=1, num_hidden_layers=1)
    vision = tower | dict(image_size=4, patch_size=4)
    model = SiglipModel(SiglipConfig(text_config=tower, vision_config=vision)).double()
    with torch.no_grad():
        model.logit_scale.fill_(-np.log(temperature))
        model.logit_bias.fill_(bias)
    model.text_model.forward = lambda **_: SimpleNamespace(pooler_output=queries)
    model.vision_model.forward = lambda **_: SimpleNamespace(pooler_output=targets)
    return model(input_ids=None, pixel_values=None, return_loss=True).loss


def nested(queries, targets):
    model = Model()
    ranking = losses.MultipleNegativesRankingLoss(model, scale=1 / temperature)
    return losses.MatryoshkaLoss(model, ranking, dims, weights)(
        [{"x": queries}, {"x": targets}], labels
    )


def mined(kind):
    loss = kind(Model(), margin=margin)
    return lambda queries, targets: loss([{"x": torch.cat([queries, targets])}], labels)


keep("sigmoid", sigmoid)
keep("matryoshka", nested)
keep("hard", mined(losses.BatchHardTripletLoss))
keep("semi-hard", mined(losses.BatchSemiHardTripletLoss))
np.savez(sys.argv[2], **found)
"""

GIVEN = dict(
    zip(("queries", "targets"), np.random.default_rng(5).normal(size=(2, B, D)), strict=True)
)
LABELS = np.tile(np.arange(B), 2)


def mined(mining: str) -> Any:
    """Each text of a pair once the anchor and once the positive, as where all texts are anchors."""

    def loss(queries: jax.Array, targets: jax.Array) -> jax.Array:
        anchors, partners = jnp.concatenate([queries, targets]), jnp.concatenate([targets, queries])
        return losses.triplet(
            anchors, partners, margin=MARGIN, mining=mining, query_ids=jnp.asarray(LABELS)
        )

    return loss


OURS = {
    "sigmoid": lambda q, t: losses.sigmoid(q, t, temperature=TEMPERATURE, bias=BIAS),
    "matryoshka": lambda q, t: losses.matryoshka(losses.batch_softmax, DIMS, WEIGHTS)(
        q, t, temperature=TEMPERATURE, direction="queries"
    ),
    "hard": mined("hard"),
    "semi-hard": mined("semi-hard"),
}


@pytest.fixture(scope="module")
def theirs(torch_python: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("losses")
    settings = {"settings": np.array([MARGIN, TEMPERATURE, BIAS]), "labels": LABELS}
    np.savez(folder / "given.npz", **GIVEN, **settings, dims=DIMS, weights=WEIGHTS)
    subprocess.run(
        [torch_python, "-c", THEIRS, str(folder / "given.npz"), str(folder / "found.npz")],
        check=True,
        capture_output=True,
    )
    return np.load(folder / "found.npz")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", OURS)
def test_value_and_gradients_are_those_of_the_torch_library(name: str, theirs: Any) -> None:
    value, gradients = jax.jit(jax.value_and_grad(OURS[name], argnums=(0, 1)))(*GIVEN.values())
    np.testing.assert_allclose(value, theirs[name], rtol=TOLERANCE)
    for i, gradient in enumerate(gradients):
        np.testing.assert_allclose(gradient, theirs[f"{name}/{i}"], rtol=TOLERANCE, atol=TOLERANCE)
