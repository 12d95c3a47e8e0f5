"""Runs that train a part of the encoder, or more: frozen, adapted, projected, prompted."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.cli import main
from tests.end_to_end import tiny
from tests.end_to_end.test_resume import STOPPED, a_signal_after, assert_equal_runs

LORA = "encoder.lora={rank: 2, targets: ['*query/kernel', '*output/kernel']}"
PROJECTION = "encoder.projection={out_features: 12}"
PROMPTS = "encoder.prompts={query: 'find: ', document: 'about it: '}"
HEAD = {"out_features": 12, "seed": 3}
FROZEN = "encoder.freeze=['embeddings/*']"


def settings(config: Path, form: str, rate: float = 0.01) -> tuple[str, ...]:
    """Judge by the training pairs themselves, so that an epoch is better than none."""
    train = config.with_name("train.tsv")
    return (form, f"data.dev={train}", f"optimizer.learning_rate={rate}")


@pytest.fixture(scope="module", autouse=True)
def compiled_steps() -> Iterator[None]:
    with tiny.shared_step("adapters"):
        yield


@pytest.fixture(scope="module")
def adapted(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted") / "run"
    assert tiny.train(tiny_config, folder, *settings(tiny_config, LORA)) == 0
    return folder


@pytest.fixture(scope="module")
def before(adapted):
    """The weights before training, which the run's seed makes again."""
    pairs = tiny.PAIRS["train"]
    texts = [text for side in (0, 1) for text in (pair[side] for pair in pairs)]
    return encoders.random(texts, seed=3, num_layers=1, hidden_size=16, max_length=16)[1]


def test_the_exported_model_has_the_adapters_added(adapted, before) -> None:
    _, after = encoders.load(adapted / "model")
    changed = {
        "/".join(key.key for key in path)
        for path, same in jax.tree_util.tree_leaves_with_path(
            jax.tree.map(lambda a, b: np.array_equal(a, b), before, after)
        )
        if not same
    }
    kernels = ("query/kernel", "attention_output/kernel", "output/kernel")
    assert changed == {f"layer_0/{name}" for name in kernels}


def test_the_checkpoint_keeps_moments_of_the_adapters_alone(adapted) -> None:
    leaves = tiny.newest_checkpoint(adapted)["leaves"]
    moments = [name for name in leaves if "opt_state" in name and "kernel" in name]
    assert moments
    assert all("lora" in name for name in moments)


def test_a_stopped_and_resumed_run_equals_one_that_was_not(adapted, tiny_config, tmp_path) -> None:
    with a_signal_after(lambda record: record["event"] == "step" and record["step"] == 2):
        assert tiny.train(tiny_config, tmp_path / "run", *settings(tiny_config, LORA)) == STOPPED
    assert tiny.train(tiny_config, tmp_path / "run", *settings(tiny_config, LORA), resume=True) == 0
    assert_equal_runs(tmp_path / "run", adapted)


def test_what_is_frozen_leaves_as_it_came(tiny_config, tmp_path, before) -> None:
    with tiny.shared_step("frozen"):
        assert tiny.train(tiny_config, tmp_path / "run", *settings(tiny_config, FROZEN)) == 0
    _, after = encoders.load(tmp_path / "run" / "model")
    jax.tree.map(np.testing.assert_array_equal, after["embeddings"], before["embeddings"])
    kernels = (params["layer_0"]["query"]["kernel"] for params in (after, before))
    assert not np.array_equal(*kernels)


def score(config: Path, overrides: tuple[str, ...], model: Path) -> dict[str, float]:
    """Return what an exported model scores on the dev split of a config."""
    scores = model.parent / "scores.json"
    sets = [word for each in overrides for word in ("--set", each)]
    wanted = ["--config", str(config), *sets, "--model", str(model), "--output", str(scores)]
    assert main(["evaluate", *wanted]) == 0
    return json.loads(scores.read_text())["dev"]


def test_a_projection_and_prompts_are_trained_exported_and_scored_as_the_run_says(
    tiny_config, tmp_path
) -> None:
    wanted = (*settings(tiny_config, PROJECTION), PROMPTS)
    with tiny.shared_step("projection"):
        assert tiny.train(tiny_config, tmp_path / "run", *wanted) == 0
    encoder, after = encoders.load(tmp_path / "run" / "model")
    fresh = encoders.add_projection(encoders.random(["a"], seed=0, hidden_size=16)[0], {}, **HEAD)
    assert encoder.dense == fresh[0].dense
    assert not np.array_equal(after["dense_0"]["kernel"], fresh[1]["dense_0"]["kernel"])
    assert dict(encoder.prompts.texts) == {"query": "find: ", "document": "about it: "}
    found = tiny.results(tmp_path / "run")["dev"]
    assert score(tiny_config, wanted, tmp_path / "run" / "model") == pytest.approx(found)
    bare = settings(tiny_config, PROJECTION)
    assert score(tiny_config, bare, tmp_path / "run" / "model") != pytest.approx(found)


def test_a_pattern_that_fits_nothing_is_said_before_anything_is_written(
    tiny_config, tmp_path, capsys
) -> None:
    assert tiny.train(tiny_config, tmp_path / "run", "encoder.freeze=['layers/*']") == 2
    assert "encoder: 'layers/*' fits no parameter; there are" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
