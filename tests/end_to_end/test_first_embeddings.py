"""A run that finds embeddings of the model before training in the cache is one that made them."""

from collections.abc import Iterator
from typing import Any

import pytest

from bscl_jax import evaluation
from bscl_jax.evaluation import _embedding_cache
from tests.end_to_end import tiny
from tests.end_to_end.test_resume import STOPPED, a_signal_after, assert_equal_runs


@pytest.fixture(autouse=True)
def all_are_kept(monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.setattr(_embedding_cache, "FEWEST", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with tiny.shared_step("reference"):
        yield


@pytest.fixture
def embedded(monkeypatch) -> list[int]:
    """Count the lists of texts that are embedded, by their lengths."""
    lengths: list[int] = []
    make = evaluation.make_embed

    def counted(*arguments: Any, **options: Any) -> evaluation.Embed:
        embed = make(*arguments, **options)
        return lambda texts: (lengths.append(len(texts)), embed(texts))[1]

    monkeypatch.setattr(evaluation, "make_embed", counted)
    return lengths


def test_a_second_start_embeds_nothing_before_the_first_step_and_ends_the_same(
    tiny_config, reference, tmp_path, embedded
):
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, tmp_path / "first") == STOPPED
    assert embedded
    embedded.clear()
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, tmp_path / "second") == STOPPED
    assert embedded == []
    assert tiny.train(tiny_config, tmp_path / "second", resume=True) == 0
    assert_equal_runs(tmp_path / "second", reference)


OTHERS = {
    "weights": "run.seed=4",
    "length": "encoder={kind: random, num_layers: 1, hidden_size: 16, max_length: 6}",
    "batch size": "evaluation={measure: pairs/mrr, batch_size: 3}",
    "devices": "training={batch_size: 8, epochs: 2, num_shapes: 1, devices: 2}",
}


def test_another_model_or_machine_embeds_anew(tiny_config, tmp_path, embedded):
    for name, override in {"one": "run.seed=3", **OTHERS, "one again": "run.seed=3"}.items():
        embedded.clear()
        with a_signal_after(lambda record: record["event"] == "baseline"):
            assert tiny.train(tiny_config, tmp_path / name, override) == STOPPED
        scoring, of_order = name != "one again", True  # which the signal interrupts each time
        assert len(embedded) == scoring + of_order, name
