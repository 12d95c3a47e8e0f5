"""Which epoch a run keeps."""

from types import SimpleNamespace

import numpy as np
import pytest

from bscl_jax import checkpoint, parallel, training
from bscl_jax.cli._finish import restore_kept
from bscl_jax.training._position import Position

SCORES = (0.1, 0.9, 0.3, 0.4)


@pytest.fixture
def outcome(tmp_path):
    """Four epochs, of which the second is the best, in checkpoints with the epoch as weights."""
    position = Position()
    with checkpoint.Checkpoints(tmp_path, keep_latest=4) as checkpoints:
        for epoch, score in enumerate(SCORES):
            position = position._replace(step=10 * epoch, epoch=max(epoch, 1))
            position = position.add_evaluation(epoch, {"mrr": score}, "mrr")
            weights = {"params": {"b": np.full(3, float(epoch))}}
            checkpoints.save(10 * epoch, weights, position.to_facts(), score)
    state = SimpleNamespace(params={"b": np.zeros(3)})
    return training.Outcome(state, position.best, list(position.evaluations))


def test_the_best_epoch_is_kept(tmp_path, outcome):
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        kept = restore_kept(checkpoints, outcome, "mrr")
    assert (kept.epoch, kept.why, kept.dev) == (1, "the best by dev mrr", {"mrr": 0.9})
    np.testing.assert_array_equal(kept.params["b"], 1)


def test_where_its_checkpoint_is_damaged_the_next_best_is_kept_under_its_own_name(
    tmp_path, outcome
):
    (tmp_path / "00000010" / "facts.json").write_bytes(b"x")
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.warns(UserWarning, match="00000010 is damaged"),
    ):
        kept = restore_kept(checkpoints, outcome, "mrr")
    assert kept.epoch == 3
    assert kept.why == "the best by dev mrr but epoch 1, whose checkpoint is damaged"
    assert kept.dev == {"mrr": 0.4}
    np.testing.assert_array_equal(kept.params["b"], 3)


def test_processes_that_would_keep_different_epochs_are_told(tmp_path, outcome, monkeypatch):
    asked = {}
    monkeypatch.setattr(parallel, "check_same", asked.update)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        restore_kept(checkpoints, outcome, "mrr")
    assert asked == {"checkpoint of the best epoch": "1"}
