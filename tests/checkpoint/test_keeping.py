"""Which checkpoints stay, what comes to the disk before what, and whose warning it is."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import checkpoint
from tests.checkpoint import faults, trees

SMALL = {"x": np.zeros(1)}


def test_two_are_kept_unless_told_otherwise(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint.save(tmp_path / "once", step, SMALL)
    with checkpoint.Checkpoints(tmp_path / "run") as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, SMALL)
        checkpoints.wait()
        assert checkpoints.steps() == [2, 3]
    assert list(checkpoint.verify(tmp_path / "once")) == [2, 3]


def test_one_may_be_kept_and_the_best_besides(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path, keep_latest=1) as checkpoints:
        for step, score in enumerate([0.2, 0.3, 0.1]):
            checkpoints.save(step, SMALL, score=score)
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]


def test_the_first_step_is_0(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"step must be at least 0, the newest .* got -1"):
        checkpoint.save(tmp_path, -1, SMALL)
    checkpoint.save(tmp_path, 0, SMALL)
    assert checkpoint.verify(tmp_path) == {0: []}


def test_a_folder_of_folders_is_made(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "runs" / "mine", 1, SMALL)
    assert checkpoint.verify(tmp_path / "runs" / "mine") == {1: []}


def test_other_things_in_the_folder_are_no_checkpoints_and_stay(tmp_path: Path) -> None:
    (tmp_path / "00000009").write_text("a file")
    (tmp_path / "notes").mkdir()
    checkpoint.save(tmp_path, 1, SMALL)
    assert checkpoint.verify(tmp_path) == {1: []}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000001", "00000009", "notes"]


def test_all_of_a_checkpoint_is_on_the_disk_before_it_bears_its_name_and_then_the_name(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "new"
    with faults.disk(tmp_path) as disk:
        checkpoint.save(folder, 1, trees.make_tree())
    final, aside = str(folder / "00000001"), str(folder / "00000001.writing")
    done = disk.operations
    named = done.index(f"os.rename {aside}")
    parts = [aside, *(str(path).replace(final, aside) for path in Path(final).rglob("*"))]
    assert {f"fsync {part}" for part in parts} <= set(done[:named])
    assert f"fsync {folder}" in done[named:]
    assert f"fsync {tmp_path}" in done[:named]  # where the folder of all of them is new


def test_a_warning_points_at_whoever_restores(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2, scores=(0.1, 0.2))
    (tmp_path / "00000002" / "facts.json").unlink()
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        checkpoints.restore(trees.make_tree())
        checkpoints.restore_best(trees.make_tree())
    assert [warning.filename for warning in caught] == [__file__, __file__]
