"""Several processes train as one does, and end together."""

import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end import several, tiny
from tests.end_to_end.test_resume import a_signal_after

STOPPED, MISTAKE = 75, 2
ALL = "training.devices=null"
"""Each of several processes has one device, this one has eight."""
SECONDS = 60


def train_alone(config: Path, folder: Path, *, resume: bool = False) -> int:
    """Train on the devices of this process."""
    with tiny.shared_step("8 devices"):
        return tiny.train(config, folder, ALL, tiny.GENTLE, resume=resume)


@pytest.fixture(scope="module")
def on_one(tiny_config, tmp_path_factory) -> Path:
    """The folder of a run on one device, from beginning to end."""
    folder = tmp_path_factory.mktemp("one") / "run"
    with tiny.shared_step("1 devices"):
        assert tiny.train(tiny_config, folder, tiny.GENTLE) == 0
    return folder


def assert_equal_runs(run: Path, other: Path) -> None:
    assert tiny.losses(run) == pytest.approx(tiny.losses(other), abs=1e-6)
    for epoch in range(1, tiny.NUM_EPOCHS + 1):
        name = f"orders/epoch-{epoch:03d}.txt"
        assert (run / name).read_text() == (other / name).read_text(), name
    found, wanted = tiny.results(run), tiny.results(other)
    assert found["best_epoch"] == wanted["best_epoch"]
    for name in ("baseline", "dev", "test"):
        assert found[name] == pytest.approx(wanted[name], abs=1e-6), name


def test_a_signal_to_one_of_two_stops_both_at_one_step_and_one_process_goes_on(
    tiny_config, on_one, tmp_path
):
    signals = {1: (signal.SIGTERM, 1)}
    ended = several.train(tiny_config, tmp_path / "run", ALL, tiny.GENTLE, signals=signals)
    assert [each.status for each in ended] == [STOPPED, STOPPED], ended
    assert "the same command with --resume goes on" in ended[0].said
    assert "model " not in ended[1].said
    assert train_alone(tiny_config, tmp_path / "run", resume=True) == 0
    assert_equal_runs(tmp_path / "run", on_one)


@pytest.mark.parametrize("processes", [4, pytest.param(2, marks=pytest.mark.slow)])
def test_several_processes_go_on_with_what_one_began(processes, tiny_config, on_one, tmp_path):
    with a_signal_after(lambda record: record["event"] == "step"):
        assert train_alone(tiny_config, tmp_path / "run") == STOPPED
    ended = several.train(
        tiny_config, tmp_path / "run", ALL, tiny.GENTLE, resume=True, processes=processes
    )
    assert [each.status for each in ended] == [0] * processes, ended
    assert "resuming after step" in ended[0].said
    assert_equal_runs(tmp_path / "run", on_one)
    assert (tmp_path / "run/report.html").is_file()
    model = "model/model.safetensors"
    assert (tmp_path / "run" / model).stat().st_size == (on_one / model).stat().st_size


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (["--set", "run.seed=4"], "process 1 has another config than process 0"),
        pytest.param(["--config", "missing.yaml"], "process 1 has failed", marks=pytest.mark.slow),
    ],
    ids=["another config", "no config"],
)
def test_a_mistake_in_one_process_ends_both(only, message, tiny_config, tmp_path):
    ended = several.train(tiny_config, tmp_path / "run", ALL, only={1: only})
    assert [each.status for each in ended] == [MISTAKE, MISTAKE], ended
    assert message in ended[0].said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_process_ends_the_other_within_a_minute_which_names_it(
    number, lost, tiny_config, tmp_path
):
    ended = several.train(
        tiny_config, tmp_path / "run", ALL, "training.epochs=100", signals={lost: (number, 20)}
    )[1 - lost]
    assert time.time() - (tmp_path / "run/metrics.jsonl").stat().st_mtime < SECONDS
    assert ended.status == -signal.SIGABRT
    # The number of the lost one stands in a line of its own; of process 0, the call to it failed.
    assert ("CoordinationService/" if lost == 0 else "\n1\n") in ended.said
    assert "Fatal Python error: Aborted" in ended.said
    assert "most recent call first" in ended.said


@pytest.mark.slow
def test_four_processes_give_what_one_gives_whatever_is_trained(tiny_config, tmp_path):
    overrides = (
        "training.devices=4",
        "training.chunk_size=4",
        "loss.implementation=tiled",
        "shuffling.embeddings=initial",
        'encoder.lora={rank: 2, targets: ["*query/kernel"]}',
    )
    assert tiny.train(tiny_config, tmp_path / "alone", *overrides) == 0
    ended = several.train(tiny_config, tmp_path / "run", *overrides, processes=4)
    assert [each.status for each in ended] == [0] * 4, ended
    assert_equal_runs(tmp_path / "run", tmp_path / "alone")
