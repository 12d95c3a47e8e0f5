"""Settings that must give finite results, and settings that must not change any."""

import itertools

import numpy as np
import pytest

from tests.end_to_end import tiny

ROUNDING = 1e-5

LOSSES = {
    "batch_softmax": ("loss={kind: batch_softmax}",),
    "trained temperature": ("loss={kind: batch_softmax, train_temperature: true}",),
    "combo": ("loss={kind: combo, threshold: 0.6}", *tiny.GRADED),
    "cosine_mse": ("loss={kind: cosine_mse}", *tiny.GRADED),
    "pearson": ("loss={kind: pearson}", *tiny.GRADED),
    "cosent": ("loss={kind: cosent}", *tiny.GRADED),
    "triplet": ("loss={kind: triplet, mining: semi-hard}",),
    "sigmoid": ("loss={kind: sigmoid, train_temperature: true, train_bias: true}",),
    "supervised": ("loss={kind: supervised}",),
    "prefixes": ("loss={kind: batch_softmax, matryoshka_dims: [16, 4]}",),
}
SHUFFLINGS = {
    "by_example": "shuffling={kind: by_example, group_size: 2, num_neighbors: 8}",
    "by_shingle": "shuffling={kind: by_shingle}",
    "by_cluster": "shuffling={kind: by_cluster, num_clusters: 3}",
    "by_neighbor": "shuffling={kind: by_neighbor, embeddings: initial}",
    "tfidf": "shuffling={kind: by_example, embeddings: tfidf, side: targets}",
    "random": "shuffling={kind: random}",
    "file_order": "shuffling={kind: file_order}",
}


SOME_ORDER = list(zip(LOSSES, itertools.cycle(SHUFFLINGS)))
EVERY_ORDER = [("batch_softmax", order) for order in SHUFFLINGS]


@pytest.mark.parametrize(("loss", "shuffling"), sorted({*SOME_ORDER, *EVERY_ORDER}))
def test_every_loss_trains_and_so_does_every_order(loss, shuffling, tiny_config, tmp_path):
    settings = (*LOSSES[loss], SHUFFLINGS[shuffling], *tiny.FAST)
    with tiny.shared_step(loss):
        assert tiny.train(tiny_config, tmp_path / "run", *settings) == 0
    assert len(set(tiny.losses(tmp_path / "run"))) == tiny.NUM_BATCHES
    (*_, evaluation) = tiny.records(tmp_path / "run", "evaluation")
    assert tiny.is_finite(evaluation["dev"])
    assert not (tmp_path / "run" / "model").exists()


def test_a_trained_bias_moves_and_is_logged(tiny_config, tmp_path):
    with tiny.shared_step("sigmoid"):
        settings = (*LOSSES["sigmoid"], SHUFFLINGS["random"], *tiny.FAST)
        assert tiny.train(tiny_config, tmp_path / "run", *settings) == 0
    biases = [record["bias"] for record in tiny.records(tmp_path / "run", "step")]
    assert biases[0] == -10
    assert len(set(biases)) == tiny.NUM_BATCHES


def test_matryoshka_dims_beyond_the_encoder_are_refused_before_anything_is_written(
    tiny_config, tmp_path, capsys
):
    settings = "loss={kind: batch_softmax, matryoshka_dims: [17, 4]}"
    assert tiny.train(tiny_config, tmp_path / "run", settings) == 2
    message = "loss.matryoshka_dims: must be different numbers up to the encoder's 16, was [17, 4]"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


TILED = ["loss.implementation=tiled", "loss.tile_size=3"]


@pytest.fixture(scope="module")
def plain(tiny_config, tmp_path_factory):
    """Losses and gradient norms of a run on one device, the whole batch at once, random order."""
    return facts_of_a_run(tiny_config, tmp_path_factory.mktemp("plain") / "run")


def facts_of_a_run(config, folder, *overrides):
    assert tiny.train(config, folder, SHUFFLINGS["random"], *tiny.FAST, *overrides) == 0
    steps = tiny.records(folder, "step")
    return np.array([[step["loss"], step["gradient_norm"]] for step in steps])


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(["training.devices=8"], id="8 devices"),
        pytest.param(["training.chunk_size=3"], id="chunks of at most 3 rows"),
        pytest.param(["training.chunk_size=4", "training.devices=4"], id="chunks on 4 devices"),
        pytest.param(TILED, id="tiles"),
        pytest.param([*TILED, "training.devices=4"], id="tiles on 4 devices"),
        pytest.param(
            [*TILED, "training.devices=2", "training.chunk_size=4"], id="tiles and chunks"
        ),
        pytest.param(["loss.implementation=panels", "training.devices=4"], id="panels"),
    ],
)
def test_how_it_is_computed_does_not_change_the_losses(overrides, plain, tiny_config, tmp_path):
    changed = facts_of_a_run(tiny_config, tmp_path / "run", *overrides)
    np.testing.assert_allclose(changed, plain, rtol=ROUNDING)
