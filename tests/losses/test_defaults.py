"""A loss called with nothing but its arrays has the settings that its documentation says."""

from typing import Any

import numpy as np
import pytest

from bscl_jax import losses
from tests.losses.scenes import EXTRAS, LABELS, QUERIES, TARGETS

Q, T, N = (x.astype(np.float32) for x in (QUERIES, TARGETS, EXTRAS))
SCORES = np.array([1.0, 0.5, 0.4, 0.0, 0.7, 0.2, 0.5, 0.9], np.float32)
CLASSES = np.array([0, 1, 0, 2, 1, 0, 2, 1])
SOFTMAX: dict[str, Any] = {
    "labels": None,
    "temperature": 0.1,
    "normalize": "l2",
    "direction": "both",
    "reduction": "batch",
    "partition": "separate",
    "same_side": "none",
    "hardness_strength": 0,
    "implementation": "dense",
}


@pytest.mark.parametrize(
    ("loss", "arrays", "settings"),
    [
        (losses.batch_softmax, (Q, T), SOFTMAX),
        (losses.combo, (Q, T, SCORES), {"mu": 0.1, "threshold": 0.5, "at_threshold": "positive"}),
        (losses.combo, (Q, T, SCORES), {x: y for x, y in SOFTMAX.items() if x != "labels"}),
        (losses.triplet, (Q, T, N), {"margin": 0.5, "distance": "euclidean"}),
        (losses.triplet, (Q, T), {"margin": 0.5, "mining": "hard"}),
        (losses.cosent, (Q, T, SCORES), {"temperature": 0.05}),
        (losses.sigmoid, (Q, T), {"temperature": 0.1, "bias": -10.0}),
        (losses.supervised, (Q, CLASSES), {"temperature": 0.1}),
    ],
)
def test_the_defaults_are_these(loss: Any, arrays: Any, settings: dict[str, Any]) -> None:
    assert loss(*arrays) == loss(*arrays, **settings)


def test_hardness_is_of_all_negatives_unless_told_otherwise() -> None:
    settings: dict[str, Any] = {"extra_targets": N, "labels": LABELS, "hardness_strength": 5}
    default = losses.batch_softmax(Q, T, **settings)
    assert default == losses.batch_softmax(Q, T, hardness_mode="all", **settings)
