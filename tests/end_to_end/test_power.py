"""A power cut loses what was not flushed: a run goes on, and a finished one is whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bscl_jax import checkpoint
from bscl_jax.cli._fit import BASELINE_LINES
from tests.end_to_end import power, tiny
from tests.end_to_end.test_resume import assert_equal_runs


@pytest.fixture(scope="module")
def left(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folder of a run as power cuts would leave it, one after the other, from start to end."""
    folder = tmp_path_factory.mktemp("powered")
    with power.cuts() as moments, tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder / "run") == 0
    cut = tmp_path_factory.mktemp("cut")
    for number, moment in enumerate(moments):
        moment.lay(folder, cut / f"{number}")
    return [cut / f"{number}" / "run" for number in range(len(moments))]


def by_checkpoints(left: list[Path]) -> Iterator[tuple[list[int], Path]]:
    """Yield each list of checkpoints that a power cut leaves, when it is there first."""
    known: list[int] = []
    for run in left:
        with checkpoint.Checkpoints(run / "checkpoints") as checkpoints:
            steps = checkpoints.steps()
        if steps != known:
            yield steps, run
        known = steps


def test_every_checkpoint_that_a_power_cut_leaves_is_whole_and_so_are_log_and_orders(
    left: list[Path], reference: Path
) -> None:
    newest = []
    for steps, run in by_checkpoints(left):
        assert not any(checkpoint.verify(run / "checkpoints").values())
        facts = tiny.newest_checkpoint(run)["facts"]
        log = (run / "metrics.jsonl").read_bytes()
        assert (reference / "metrics.jsonl").read_bytes().startswith(log)
        assert log.count(b"\n") >= facts["log_lines"] + BASELINE_LINES
        for ending in ("txt", "json"):
            name = f"orders/epoch-{facts['epoch']:03d}.{ending}"
            assert (run / name).read_bytes() == (reference / name).read_bytes()
        newest.append(max(steps))
    assert newest == sorted(newest)
    assert {*newest} == {0, 2, 3, 4, 6}


def test_a_finished_run_that_a_power_cut_leaves_is_whole(left: list[Path], reference: Path) -> None:
    finished = [run for run in left if (run / "results.json").exists()]
    assert finished
    for run in finished:
        assert_equal_runs(run, reference)
        assert {path.name for path in run.iterdir()} == {path.name for path in reference.iterdir()}


@pytest.mark.parametrize("step", [2, tiny.NUM_BATCHES])
def test_a_run_goes_on_after_a_power_cut_and_ends_in_the_same_bytes(
    step: int, left: list[Path], tiny_config: Path, reference: Path
) -> None:
    run = next(run for steps, run in by_checkpoints(left) if max(steps) == step)
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, run, resume=True) == 0
    assert_equal_runs(run, reference)
