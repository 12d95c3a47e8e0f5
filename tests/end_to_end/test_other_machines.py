"""A run that is saved on some number of devices goes on with any other; processes: see there."""

import contextlib
import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from bscl_jax import assemble, config, training
from tests.end_to_end import tiny
from tests.end_to_end.test_every_step import Interruptions, Life
from tests.end_to_end.test_resume import STOPPED, a_signal_after

DEVICES = (1, 2, 4, 8)
SHORT = ((1, 2), (2, 8), (8, 4), (4, 1))
LONG = [(i, j) for i in DEVICES for j in DEVICES if (i, j) not in SHORT]
STOP_AT = 2
"""The step after which the first machine is left; the epoch has three."""
TOLERANCE = 1e-6
"""Of a loss: more devices add up in another order."""


class Watch(Interruptions):
    """Stops a run after a step, and keeps a hash of each batch by the steps before it."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.batches: dict[int, str] = {}
        self._stop_at = stop_at

    def stop(self) -> bool:
        return self.step == self._stop_at

    def inside(self, callback: str) -> None:
        pass

    def counted(self, step: training.Step) -> training.Step:
        def see(state: Any, batch: Any, key: Any) -> Any:
            octets = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(batch)]
            self.batches[self.step] = hashlib.sha256(b"".join(octets)).hexdigest()
            self.step += 1
            return step(state, batch, key)

        return see


def live(tiny_config: Path, folder: Path, devices: int, watch: Watch) -> None:
    """Begin a run, or go on with it, on so many devices."""
    life = Life(config.load(tiny_config, [tiny.GENTLE, f"training.devices={devices}"]), folder)
    with tiny.shared_step(f"{devices} devices"), contextlib.suppress(training.Interrupted):
        life.live(watch, save_every=None)


@pytest.fixture(scope="module")
def uninterrupted(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """The folder and the batches of the run that one device does from beginning to end."""
    folder, watch = tmp_path_factory.mktemp("one"), Watch()
    live(tiny_config, folder, 1, watch)
    return folder, watch.batches


@pytest.fixture(scope="module")
def leave(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple]:
    """What so many devices leave when they are stopped: the folder and the batches."""

    @functools.cache
    def left(devices: int) -> tuple:
        folder, watch = tmp_path_factory.mktemp("left"), Watch(STOP_AT)
        live(tiny_config, folder, devices, watch)
        return folder, watch.batches

    return left


@pytest.mark.parametrize(
    ("before", "after"), [*SHORT, *(pytest.param(*cell, marks=pytest.mark.slow) for cell in LONG)]
)
def test_a_run_goes_on_with_any_number_of_devices(
    before: int,
    after: int,
    tiny_config: Path,
    uninterrupted: tuple[Path, dict],
    leave: Callable[[int], tuple[Path, dict]],
    tmp_path: Path,
) -> None:
    (reference, expected), (folder, batches) = uninterrupted, leave(before)
    run, watch = shutil.copytree(folder, tmp_path / "run"), Watch()
    live(tiny_config, run, after, watch)
    assert [*batches] == [*range(STOP_AT)]
    assert [*watch.batches] == [*range(STOP_AT, len(expected))]
    assert batches | watch.batches == expected
    found, wanted = tiny.losses(run), tiny.losses(reference)
    print(f"\n{before} → {after} devices: losses differ by {np.ptp([found, wanted], 0).max():.1e}")
    assert found == pytest.approx(wanted, abs=TOLERANCE)
    assert tiny.records(run, "evaluation") == tiny.records(reference, "evaluation")


def test_a_run_with_hard_negatives_keeps_its_extra_candidates_on_other_devices(
    tmp_path: Path,
) -> None:
    path, folder, whole = tiny.write_hard(tmp_path), tmp_path / "run", tmp_path / "whole"
    settings = (tiny.HARD, tiny.GENTLE, *tiny.FAST, "shuffling={kind: random}")

    def noted(folder: Path) -> dict[str, int]:
        return json.loads((folder / "data.json").read_text())["extras"]

    with tiny.shared_step("hard negatives, 8 devices"):
        assert tiny.train(path, whole, *settings, "training.devices=8") == 0
        with a_signal_after(lambda record: record["event"] == "step"):
            assert tiny.train(path, folder, *settings, "training.devices=8") == STOPPED
    own = assemble.lay_road(config.load(path, settings)).extras
    assert own is not None
    assert noted(folder) != own._asdict()
    with tiny.shared_step("hard negatives, 1 device"):
        assert tiny.train(path, folder, *settings, resume=True) == 0
    assert noted(folder) == noted(whole)
    assert tiny.losses(folder) == pytest.approx(tiny.losses(whole), abs=TOLERANCE)
    orders = [
        json.loads((each / "orders" / "epoch-001.json").read_text()) for each in (folder, whole)
    ]
    assert orders[0]["extras"] == orders[1]["extras"]
