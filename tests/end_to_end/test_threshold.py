"""The decision threshold on its way from dev to who uses the model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import SentenceEncoder, data, metrics
from bscl_jax.cli import main
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


def fit_on_dev(model: SentenceEncoder, folder: Path) -> float:
    dev = data.load_task("mrpc", path=folder / "data").dev["pairs"]
    cosines = np.sum(model.encode(dev.first) * model.encode(dev.second), axis=1)
    return metrics.classification(cosines, np.array(dev.labels))["f1_threshold"]


def test_the_threshold_is_fitted_on_dev_and_goes_into_results_and_export(folder):
    model = SentenceEncoder.load(folder / "run" / "model")
    threshold = tiny.results(folder / "run")["threshold"]
    assert threshold == pytest.approx(fit_on_dev(model, folder), abs=ROUNDING)
    facts = json.loads((folder / "run" / "model" / "bscl_jax.json").read_text())
    assert facts["threshold"] == model.threshold == threshold


def test_card_and_report_name_it(folder):
    threshold = tiny.results(folder / "run")["threshold"]
    named = f"{threshold:.4f}, the cosine with the best F1 on dev"
    assert named in (folder / "run" / "report.html").read_text()
    card = (folder / "run" / "model" / "README.md").read_text()
    assert named in card
    assert f">= {threshold:.6f}" in card


def test_exported_again_it_is_the_same_folder(folder, tmp_path):
    assert main(["export", str(folder / "run"), "--output", str(tmp_path / "again")]) == 0
    assert tiny.hashes(tmp_path / "again") == tiny.hashes(folder / "run" / "model")


def test_another_epoch_has_a_threshold_of_its_own(folder, tmp_path):
    """Of a run without results, as if it had been killed before they were written."""
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    model = tmp_path / "model"
    assert main(["export", str(tmp_path / "run"), "--output", str(model), "--epoch", "last"]) == 0
    found = SentenceEncoder.load(model)
    assert found.threshold == pytest.approx(fit_on_dev(found, folder), abs=ROUNDING)


def test_a_run_without_such_pairs_has_none(reference):
    assert tiny.results(reference)["threshold"] is None
    assert SentenceEncoder.load(reference / "model").threshold is None
    assert "alike" not in (reference / "model" / "README.md").read_text()
