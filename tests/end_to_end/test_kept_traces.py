"""A run that finds its traced step in the cache is one that traced it."""

from collections.abc import Iterator
from typing import Any

import pytest

from bscl_jax.assemble import _kept_traces
from tests.end_to_end import tiny
from tests.end_to_end.test_resume import STOPPED, a_signal_after, assert_equal_runs

OTHERS = {
    "learning rate": "optimizer.learning_rate=0.002",
    "loss": "loss={kind: batch_softmax, temperature: 0.1}",
    "weights": "run.seed=4",
    "length": "encoder={kind: random, num_layers: 1, hidden_size: 16, max_length: 6}",
    "dropout": "training.dropout_epochs=0",
    "devices": "training.devices=2",
}


@pytest.fixture(autouse=True)
def traced(monkeypatch, tmp_path) -> Iterator[list[Any]]:
    """Keep all traces in a folder of the test; give those that are made."""
    made: list[Any] = []
    trace = _kept_traces._trace
    monkeypatch.setattr(_kept_traces, "FEWEST", 1)
    monkeypatch.setattr(_kept_traces, "_trace", lambda *a: (made.append(a), trace(*a))[1])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def test_a_second_start_traces_no_step_and_ends_the_same(tiny_config, reference, tmp_path, traced):
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, tmp_path / "first") == STOPPED
    assert traced
    traced.clear()
    assert tiny.train(tiny_config, tmp_path / "second") == 0
    assert tiny.train(tiny_config, tmp_path / "first", resume=True) == 0
    assert traced == []
    for name in ("first", "second"):
        assert_equal_runs(tmp_path / name, reference)


def test_a_run_that_differs_in_anything_is_traced_anew(tiny_config, tmp_path, traced):
    for name, override in {"one": "run.seed=3", **OTHERS, "again": "run.seed=3"}.items():
        traced.clear()
        with a_signal_after(lambda record: record["event"] == "step"):
            assert tiny.train(tiny_config, tmp_path / name, override) == STOPPED
        assert len(traced) == (name != "again"), name


def test_other_data_are_traced_anew(tmp_path, traced):
    config, train = tiny.write(tmp_path), tmp_path / "train.tsv"
    for name, count in (("one", 1), ("again", 0), ("other", 1)):
        traced.clear()
        if name == "other":
            train.write_text(train.read_text().replace("library", "reading"))
        with a_signal_after(lambda record: record["event"] == "step"):
            assert tiny.train(config, tmp_path / name) == STOPPED
        assert len(traced) == count, name
