"""One reference run for all tests that compare with it."""

from pathlib import Path

import pytest

from tests.end_to_end import tiny


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def reference(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder) == 0
    assert tiny.results(folder)["best_epoch"] > 0, "it must leave a model that training changed"
    return folder
