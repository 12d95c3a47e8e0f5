"""The decision threshold on its way from dev to who uses the model."""

import json
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import SentenceEncoder, data, metrics
from tests.conftest import REPOSITORY
from tests.data.tasks.small_files import WRITERS
from tests.end_to_end import tiny
from tests.end_to_end.test_tasks import SMALL

ROUNDING = 1e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pairs that are alike or not; its data lies beside it."""
    folder = tmp_path_factory.mktemp("threshold")
    WRITERS["mrpc"](folder / "data")
    settings = (f"data.path={folder / 'data'}", *SMALL, "export.format=sentence_transformers")
    config = REPOSITORY / "configs" / "mrpc" / "bsc.yaml"
    assert tiny.train(config, folder / "run", *settings) == 0
    return folder


def test_the_threshold_is_fitted_on_dev_and_goes_into_results_and_export(folder):
    model = SentenceEncoder.load(folder / "run" / "model")
    dev = data.load_task("mrpc", path=folder / "data").dev["pairs"]
    cosines = np.sum(model.encode(dev.first) * model.encode(dev.second), axis=1)
    fitted = metrics.classification(cosines, np.array(dev.labels))["f1_threshold"]
    threshold = tiny.results(folder / "run")["threshold"]
    assert threshold == pytest.approx(fitted, abs=ROUNDING)
    facts = json.loads((folder / "run" / "model" / "bscl_jax.json").read_text())
    assert facts["threshold"] == model.threshold == threshold


def test_card_and_report_name_it(folder):
    threshold = tiny.results(folder / "run")["threshold"]
    named = f"{threshold:.4f}, the cosine with the best F1 on dev"
    assert named in (folder / "run" / "report.html").read_text()
    card = (folder / "run" / "model" / "README.md").read_text()
    assert named in card
    assert f">= {threshold:.6f}" in card


def test_a_run_without_such_pairs_has_none(reference):
    assert tiny.results(reference)["threshold"] is None
    assert SentenceEncoder.load(reference / "model").threshold is None
    assert "alike" not in (reference / "model" / "README.md").read_text()
