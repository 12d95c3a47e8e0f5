"""Settings that must give finite results, and settings that must not change any."""

import numpy as np
import pytest

from tests.end_to_end import tiny

ROUNDING = 1e-5

LOSSES = {
    "batch_softmax": ("loss={kind: batch_softmax}",),
    "trained temperature": ("loss={kind: batch_softmax, train_temperature: true}",),
    "combo": ("loss={kind: combo, threshold: 0.6}", *tiny.GRADED),
    "cosine_mse": ("loss={kind: cosine_mse}", *tiny.GRADED),
}
SHUFFLINGS = {
    "by_example": "shuffling={kind: by_example, group_size: 2, num_neighbors: 8}",
    "random": "shuffling={kind: random}",
    "file_order": "shuffling={kind: file_order}",
}


@pytest.mark.parametrize("shuffling", SHUFFLINGS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_on_every_order(loss, shuffling, tiny_config, tmp_path):
    settings = (*LOSSES[loss], SHUFFLINGS[shuffling], *tiny.FAST)
    with tiny.shared_step(loss):
        assert tiny.train(tiny_config, tmp_path / "run", *settings) == 0
    assert len(set(tiny.losses(tmp_path / "run"))) == tiny.NUM_BATCHES
    (*_, evaluation) = tiny.records(tmp_path / "run", "evaluation")
    assert tiny.is_finite(evaluation["dev"])
    assert not (tmp_path / "run" / "model").exists()


@pytest.fixture(scope="module")
def plain(tiny_config, tmp_path_factory):
    """Losses and gradient norms of a run on one device, the whole batch at once, random order."""
    return facts_of_a_run(tiny_config, tmp_path_factory.mktemp("plain") / "run")


def facts_of_a_run(config, folder, *overrides):
    assert tiny.train(config, folder, SHUFFLINGS["random"], *tiny.FAST, *overrides) == 0
    steps = tiny.records(folder, "step")
    return np.array([[step["loss"], step["gradient_norm"]] for step in steps])


@pytest.mark.parametrize(
    "override",
    [
        pytest.param("training.devices=8", id="8 devices"),
        pytest.param("training.chunk_size=3", id="chunks of at most 3 rows"),
    ],
)
def test_how_it_is_computed_does_not_change_the_losses(override, plain, tiny_config, tmp_path):
    changed = facts_of_a_run(tiny_config, tmp_path / "run", override)
    np.testing.assert_allclose(changed, plain, rtol=ROUNDING)
