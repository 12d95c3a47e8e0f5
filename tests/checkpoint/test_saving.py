import errno
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import checkpoint
from bscl_jax.checkpoint import _folder
from tests.checkpoint import trees


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Hold every write of arrays until the event is set."""
    event, write_arrays = threading.Event(), _folder.write_arrays

    def wait_and_write(folder: Path, arrays: dict) -> None:
        assert event.wait(30)
        write_arrays(folder, arrays)

    monkeypatch.setattr(_folder, "write_arrays", wait_and_write)
    return event


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(folder: Path, arrays: dict) -> None:
        folder.mkdir()
        (folder / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_folder, "write_arrays", write_half)


def test_save_returns_before_anything_is_written(tmp_path: Path, gate: threading.Event) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, trees.make_tree())
        assert checkpoints.steps() == []
        gate.set()
        checkpoints.wait()
        assert checkpoints.steps() == [1]


def test_what_changes_after_save_does_not_reach_the_checkpoint(
    tmp_path: Path, gate: threading.Event
) -> None:
    donated, order = jnp.ones((64, 64)), np.arange(3)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        facts = {"position": [1]}
        checkpoints.save(1, {"kernel": donated, "order": order}, facts)
        jax.block_until_ready(jax.jit(lambda x: x * 0, donate_argnums=0)(donated))
        order[:] = 7
        facts["position"].append(2)
        gate.set()
        target = {"kernel": np.zeros((64, 64), np.float32), "order": order}
        restored, facts = checkpoints.restore(target)
    assert donated.is_deleted()
    assert restored["kernel"].all()
    assert restored["order"].tolist() == [0, 1, 2]
    assert facts == {"position": [1]}


def test_the_newest_are_kept_and_the_best(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path, keep_latest=2) as checkpoints:
        for step, score in enumerate([0.1, 0.9, 0.3, None, 0.2, 0.4]):
            checkpoints.save(step, trees.make_tree(step), score=score)
        checkpoints.wait()
        assert checkpoints.steps() == [1, 4, 5]
        restored, _ = checkpoints.restore_best(trees.make_tree())
    trees.assert_equal(restored, trees.make_tree(1))
    assert names_in(tmp_path) == ["00000001", "00000004", "00000005"]


def test_of_equal_scores_the_earliest_is_the_best(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2, 3, scores=(0.1, 0.5, 0.5))
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore_best(trees.make_tree())[1] == {"step": 2}


def test_without_scores_there_is_no_best(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1)
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.raises(FileNotFoundError, match="no checkpoint"),
    ):
        checkpoints.restore_best(trees.make_tree())


def test_a_step_saved_again_is_replaced(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(5, trees.make_tree(0), {"evaluated": False})
        checkpoints.save(5, trees.make_tree(1), {"evaluated": True}, score=0.5)
        restored, facts = checkpoints.restore(trees.make_tree())
    trees.assert_equal(restored, trees.make_tree(1))
    assert facts == {"evaluated": True}
    assert names_in(tmp_path) == ["00000005"]


@pytest.mark.usefixtures("full_disk")
def test_a_save_that_fails_is_reported_and_leaves_the_last_one_whole(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(2, trees.make_tree())
        with pytest.raises(OSError, match="No space left"):
            checkpoints.wait()
        checkpoints.wait()  # reported once
    assert names_in(tmp_path) == []


def test_a_failed_save_again_of_a_step_keeps_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.save_steps(tmp_path, 1)

    def refuse(folder: Path, arrays: dict) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(_folder, "write_arrays", refuse)
    with pytest.raises(OSError, match="Input/output"):
        checkpoint.save(tmp_path, 1, trees.make_tree(9))
    trees.assert_equal(checkpoint.restore(tmp_path, trees.make_tree())[0], trees.make_tree(1))
    assert names_in(tmp_path) == ["00000001"]


@pytest.mark.usefixtures("full_disk")
def test_check_raises_a_failure_as_soon_as_it_is_there(tmp_path: Path) -> None:
    checkpoints = checkpoint.Checkpoints(tmp_path)
    checkpoints.check()
    checkpoints.save(2, trees.make_tree())
    checkpoints._writer.shutdown()
    with pytest.raises(OSError, match="No space left"):
        checkpoints.check()
    checkpoints.close()


def test_a_write_that_reads_back_differently_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.save_steps(tmp_path, 1)
    write_arrays = _folder.write_arrays

    def write_wrong(folder: Path, arrays: dict) -> None:
        write_arrays(folder, arrays | {"order": arrays["order"] + 1})

    monkeypatch.setattr(_folder, "write_arrays", write_wrong)
    with pytest.raises(checkpoint.DamagedError, match=r"right after it was written .*: order"):
        checkpoint.save(tmp_path, 2, trees.make_tree(), keep_latest=1)
    assert names_in(tmp_path) == ["00000001"]


def test_what_a_kill_left_is_ignored_and_cleared_by_the_next_save(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2)
    (tmp_path / "00000003.writing" / "arrays").mkdir(parents=True)
    (tmp_path / "00000000.removing").mkdir()
    assert checkpoint.restore(tmp_path, trees.make_tree())[1] == {"step": 2}
    checkpoint.save(tmp_path, 3, trees.make_tree())
    assert names_in(tmp_path) == ["00000002", "00000003"]


def test_a_kill_between_the_renames_of_a_replacement_loses_nothing(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1)
    (tmp_path / "00000001").rename(tmp_path / "00000001.replaced")
    (tmp_path / "00000001.writing").mkdir()
    assert checkpoint.restore(tmp_path, trees.make_tree())[1] == {"step": 1}
    checkpoint.save(tmp_path, 2, trees.make_tree())
    assert checkpoint.verify(tmp_path) == {1: [], 2: []}


PROGRAM = """
import sys
from tests.checkpoint import trees
from bscl_jax import checkpoint
checkpoints = checkpoint.Checkpoints(sys.argv[1])
first = max(checkpoints.steps(), default=0)
for step in range(first, first + 10_000):
    checkpoints.save(step, trees.make_tree(step), {"step": step})
    print(step, flush=True)
"""


def test_a_kill_at_any_moment_leaves_whole_checkpoints(tmp_path: Path) -> None:
    for attempt in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE
        )
        for _ in range(4):
            process.stdout.readline()
        time.sleep(random.Random(attempt).uniform(0, 0.1))
        process.kill()
        process.communicate()
        steps = checkpoint.verify(tmp_path)
        assert steps
        assert not any(steps.values())
        assert checkpoint.restore(tmp_path, trees.make_tree())[1] == {"step": max(steps)}


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        (
            {"rate": 0.1},
            TypeError,
            "must be arrays, got float at rate; put plain values into facts",
        ),
        ({"key": jax.random.key(0)}, TypeError, r"typed random keys .* save jax.random.key_data"),
        ({"empty": np.zeros((0, 3))}, ValueError, "without elements .* got empty; leave it out"),
        ({"a/b": np.ones(1)}, ValueError, r"without '/', got \['a/b'\]; rename the key"),
        ({"nothing": {}}, ValueError, "needs at least one array"),
    ],
)
def test_what_cannot_be_saved_is_an_error_at_once(
    tree: dict, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints, pytest.raises(error, match=message):
        checkpoints.save(0, tree)


@pytest.mark.parametrize(
    ("facts", "score", "error", "message"),
    [
        ({"path": Path()}, None, TypeError, "must be JSON"),
        ({"loss": float("nan")}, None, ValueError, "use None for what is not defined"),
        ({}, float("nan"), ValueError, "must be finite"),
    ],
)
def test_facts_that_are_no_json_are_an_error_at_once(
    facts: dict, score: float | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints, pytest.raises(error, match=message):
        checkpoints.save(0, trees.make_tree(), facts, score)


def test_a_step_before_the_newest_is_refused_because_restore_would_not_find_it(
    tmp_path: Path,
) -> None:
    trees.save_steps(tmp_path, 5)
    with pytest.raises(ValueError, match=r"at least 5, the newest in .*, got 4; continue from"):
        checkpoint.save(tmp_path, 4, trees.make_tree())


def test_keeping_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep_latest must be at least 1, got 0"):
        checkpoint.Checkpoints(tmp_path, keep_latest=0)
