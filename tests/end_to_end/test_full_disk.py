"""A run on a disk that is full for a while."""

import errno
from pathlib import Path
from typing import Any

import pytest

from bscl_jax import checkpoint
from bscl_jax.checkpoint import _folder
from tests.cli.conftest import USER_MISTAKE
from tests.end_to_end import tiny
from tests.end_to_end.test_resume import assert_equal_runs

BROKEN = 2
"""The step whose checkpoint cannot be written; the next is due at step 3."""


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    save, write_arrays = checkpoint.Checkpoints.save, _folder.write_arrays

    def refuse(folder: Path, arrays: dict) -> None:
        if arrays["step"] == BROKEN:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_arrays(folder, arrays)

    def save_and_see(self: checkpoint.Checkpoints, *arguments: Any) -> None:
        save(self, *arguments)
        self._running.exception()  # wait until it has failed, and raise nothing

    monkeypatch.setattr(_folder, "write_arrays", refuse)
    monkeypatch.setattr(checkpoint.Checkpoints, "save", save_and_see)


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_next_step_and_the_run_goes_on_later(
    full_disk: None,
    monkeypatch: pytest.MonkeyPatch,
    tiny_config: Path,
    reference: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder) == USER_MISTAKE
        error = capsys.readouterr().err
        assert error.startswith(f"bscl-jax: checkpoint of step {BROKEN} in {folder}/checkpoints")
        assert "No space left on device" in error
        assert error.endswith("mend the disk; the same command with --resume goes on\n")
        assert len(tiny.records(folder, "step")) == BROKEN
        monkeypatch.undo()
        assert tiny.train(tiny_config, folder, resume=True) == 0
    assert_equal_runs(folder, reference)
