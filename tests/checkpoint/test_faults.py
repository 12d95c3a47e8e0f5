"""A disk that refuses anywhere in a save: the checkpoint before stays whole, the error is told."""

import errno
import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bscl_jax import checkpoint
from tests.checkpoint import faults, trees

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
LONGEST_FILES = (0, 150, 250, 400, 900, 1300)
"""Octets. Beyond these, writes fail of each kind of file that a checkpoint of a small tree has."""


def only(number: int, error: int) -> Callable[[int], int]:
    return lambda each: error if each == number else 0


def from_then_on(number: int, error: int) -> Callable[[int], int]:
    return lambda each: error if each >= number else 0


def save_refused(folder: Path, step: int, refuse: Callable[[int], int]) -> Exception | None:
    """Save on a disk that refuses and return what is raised."""
    with faults.disk(folder) as disk:
        disk.refuse = refuse
        try:
            checkpoint.save(folder, step, trees.make_tree(9), {"step": 9}, keep_latest=1)
        except OSError as error:
            return error
    return None


def assert_whole(folder: Path, error: Exception | None, *, before: int) -> None:
    """A save that failed names the step and the folder; what was there is there and whole."""
    if error is not None:
        assert isinstance(error, checkpoint.SaveError)
        assert f"in {folder} could not be saved" in str(error)
    with trees.no_warning():
        restored, facts = checkpoint.restore(folder, trees.make_tree())
    if error is None:
        assert facts == {"step": 9}
    assert facts["step"] in (before, 9)
    trees.assert_equal(restored, trees.make_tree(facts["step"]))
    assert not any(checkpoint.verify(folder).values())
    checkpoint.save(folder, 9, trees.make_tree(9), {"step": 9}, keep_latest=1)
    assert [path.name for path in folder.iterdir()] == ["00000009"]


def count_operations(folder: Path) -> int:
    trees.save_steps(folder, 1)
    with faults.disk(folder) as disk:
        checkpoint.save(folder, 2, trees.make_tree(), keep_latest=1)
    assert {"fsync", "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"} == {
        operation.split()[0] for operation in disk.operations
    }
    return len(disk.operations)


@pytest.mark.parametrize(
    ("step", "refuse", "errors"),
    [
        (1, from_then_on, "one"),
        (2, only, "one"),
        *(
            pytest.param(step, refuse, "all", marks=pytest.mark.slow)
            for step in (1, 2)
            for refuse in (only, from_then_on)
        ),
    ],
)
def test_a_disk_that_refuses_any_operation_of_a_save_leaves_a_whole_checkpoint(
    step: int, refuse: Callable, errors: str, tmp_path: Path
) -> None:
    total = count_operations(tmp_path / "counted")
    trees.save_steps(tmp_path / "whole", 1)
    failed = 0
    for number in range(1, total + 1):
        for error in ERRORS if errors == "all" else ERRORS[number % 3 :][:1]:
            folder = shutil.copytree(tmp_path / "whole", tmp_path / f"{number} {error}")
            raised = save_refused(folder, step, refuse(number, error))
            assert_whole(folder, raised, before=1)
            failed += raised is not None
    # What is left of an older one, or of a file that Orbax writes anew, may stay.
    assert failed > total / 2


@pytest.mark.filterwarnings(
    # Orbax leaves a loop of its own behind that its collection finds closed.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("octets", LONGEST_FILES)
def test_a_disk_that_refuses_to_write_on_leaves_a_whole_checkpoint(
    octets: int, tmp_path: Path
) -> None:
    trees.save_steps(tmp_path, 1)
    with faults.longest_file(octets), pytest.raises(checkpoint.SaveError) as raised:
        checkpoint.save(tmp_path, 2, trees.make_tree(2))
    gc.collect()
    assert "too large" in str(raised.value)
    assert_whole(tmp_path, raised.value, before=1)
