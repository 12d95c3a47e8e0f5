"""What is asked for while a save is running is answered when it has ended."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bscl_jax import checkpoint
from bscl_jax.checkpoint import _folder
from tests.checkpoint import trees


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every write of arrays take a while."""
    write_arrays = _folder.write_arrays

    def wait_and_write(folder: Path, arrays: dict) -> None:
        time.sleep(0.2)
        write_arrays(folder, arrays)

    monkeypatch.setattr(_folder, "write_arrays", wait_and_write)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda checkpoints: checkpoints.restore(trees.make_tree())[1], {"step": 2}),
        (lambda checkpoints: checkpoints.restore_best(trees.make_tree())[1], {"step": 2}),
        (lambda checkpoints: checkpoints.verify(2), []),
        (lambda checkpoints: checkpoints.wait() or checkpoints.steps(), [1, 2]),
        (lambda checkpoints: checkpoints.close() or checkpoints.steps(), [1, 2]),
    ],
)
def test_whoever_asks_waits_for_the_save(ask: Callable, answer: Any, tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(2, trees.make_tree(), {"step": 2}, score=0.5)
        assert ask(checkpoints) == answer


@pytest.mark.usefixtures("slow")
def test_check_waits_for_nothing(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, trees.make_tree())
        checkpoints.check()
        assert checkpoints.steps() == []


@pytest.mark.usefixtures("slow")
def test_saves_come_one_after_the_other(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path, keep_latest=3) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, trees.make_tree())
            assert checkpoints.steps() == list(range(1, step))


def test_closing_ends_the_thread(tmp_path: Path) -> None:
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, trees.make_tree())
        checkpoints.wait()
        assert any(thread.name.startswith("checkpoint") for thread in threading.enumerate())
    assert not any(thread.name.startswith("checkpoint") for thread in threading.enumerate())
