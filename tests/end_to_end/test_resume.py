"""A run that is interrupted and resumed ends as if nothing had happened, bit for bit."""

import json
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import jax
import pytest

from bscl_jax import encoders, parallel, reporting
from tests.end_to_end import tiny

STOPPED, STOPPED_BY_HAND = 75, 130
SECONDS_TO_START = 120


@pytest.fixture(autouse=True)
def one_compiled_step() -> Iterator[None]:
    with tiny.shared_step("reference"):
        yield


@contextmanager
def a_signal_after(
    wanted: Callable[[dict], bool], number: int = signal.SIGTERM
) -> Iterator[list[dict]]:
    """Send this process a signal when the first such record has been logged; yield that record."""
    log, seen = reporting.MetricsLog.write, []

    def write(self: reporting.MetricsLog, record: dict) -> None:
        log(self, record)
        if not seen and wanted(record):
            seen.append(record)
            signal.raise_signal(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting.MetricsLog, "write", write)
        yield seen
    assert seen, "no such record was logged"


@pytest.fixture
def sound_and_stopped(tmp_path: Path) -> tuple[Path, Path]:
    """A config, and the folder of a run of it that was stopped after its first step."""
    config, folder = tiny.write(tmp_path), tmp_path / "run"
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(config, folder) == STOPPED
    return config, folder


def assert_equal_runs(run: Path, reference: Path) -> None:
    orders = [f"orders/epoch-{epoch:03d}.json" for epoch in range(1, tiny.NUM_EPOCHS + 1)]
    weights = [path.relative_to(reference) for path in reference.glob("model/**/model.safetensors")]
    assert weights
    for name in ("metrics.jsonl", "results.json", *weights, *orders):
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    assert tiny.newest_checkpoint(run) == tiny.newest_checkpoint(reference)


@pytest.mark.parametrize(
    ("event", "where"),
    [
        pytest.param("baseline", {}, id="before the first step"),
        pytest.param("step", {"step": 1}, id="within an epoch"),
        pytest.param("step", {"step": tiny.NUM_BATCHES}, id="before an evaluation"),
        pytest.param("evaluation", {"epoch": 1}, id="at the end of an epoch"),
        pytest.param("evaluation", {"epoch": tiny.NUM_EPOCHS}, id="before the test"),
    ],
)
def test_a_run_stopped_by_sigterm_and_resumed_equals_one_that_was_not(
    event, where, tiny_config, reference, tmp_path, capsys
):
    with a_signal_after(
        lambda record: record["event"] == event and where.items() <= record.items()
    ):
        assert tiny.train(tiny_config, tmp_path / "run") == STOPPED
    assert "the same command with --resume goes on" in capsys.readouterr().out
    assert not (tmp_path / "run" / "results.json").exists()
    assert tiny.train(tiny_config, tmp_path / "run", resume=True) == 0
    output = capsys.readouterr().out
    assert ("resuming after step" in output) == (event != "baseline")
    assert not re.search(f"epoch {tiny.NUM_EPOCHS}/.*best so far", output), "epoch 1 was better"
    assert_equal_runs(tmp_path / "run", reference)


def test_ctrl_c_has_an_exit_status_of_its_own(tiny_config, tmp_path):
    with a_signal_after(lambda record: record["event"] == "baseline", signal.SIGINT):
        assert tiny.train(tiny_config, tmp_path / "run") == STOPPED_BY_HAND


def wait_for_lines(process: Popen[bytes], log: Path, lines: int) -> None:
    """Wait until a process has logged so many lines."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not log.exists() or log.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, log.parent.with_suffix(".out").read_text()
        assert time.monotonic() < deadline, f"no {lines} lines within {SECONDS_TO_START} s"
        time.sleep(0.002)


def test_a_process_that_gets_sigterm_exits_with_75_and_can_be_resumed(
    tiny_config, reference, tmp_path
):
    folder = tmp_path / "run"
    process = tiny.start(tiny_config, folder)
    wait_for_lines(process, folder / "metrics.jsonl", 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS_TO_START) == STOPPED
    assert tiny.train(tiny_config, folder, resume=True) == 0
    assert_equal_runs(folder, reference)


def test_a_process_that_is_killed_at_a_random_moment_can_be_resumed(
    tiny_config, reference, tmp_path
):
    folder = tmp_path / "run"
    lines = random.randint(2, 1 + tiny.NUM_EPOCHS * (tiny.NUM_BATCHES + 1))
    process = tiny.start(tiny_config, folder)
    wait_for_lines(process, folder / "metrics.jsonl", lines)
    process.kill()
    assert process.wait(SECONDS_TO_START) == -signal.SIGKILL
    assert tiny.train(tiny_config, folder, resume=True) == 0
    assert_equal_runs(folder, reference)


def test_processes_that_would_go_on_from_different_checkpoints_are_refused(
    sound_and_stopped: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config, folder = sound_and_stopped
    check, asked = parallel.check_same, {}

    def differ(what: dict[str, str]) -> None:
        check(what)
        asked.update(what)
        if "checkpoint to go on from" in what:
            raise parallel.ProcessError("process 1 has another checkpoint to go on from")

    monkeypatch.setattr(parallel, "check_same", differ)
    assert tiny.train(config, folder, resume=True) == 2
    assert asked["checkpoint to go on from"] == "1"
    assert "another checkpoint to go on from; the same command" in capsys.readouterr().err


def test_a_run_whose_data_have_changed_is_not_resumed(
    sound_and_stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = sound_and_stopped
    dev = config.parent / "dev.tsv"
    dev.write_text(dev.read_text().replace("library card", "reader card"))
    before = tiny.hashes(folder)
    assert tiny.train(config, folder, resume=True) == 2
    assert "the data of dev/pairs have changed since" in capsys.readouterr().err
    assert tiny.hashes(folder) == before


def change_weights(folder: Path) -> None:
    """Put another model of the same shapes into a folder."""
    encoder, params = encoders.load(str(folder))
    shutil.rmtree(folder)
    encoders.save(folder, encoder, jax.tree.map(lambda leaf: 1.5 * leaf, params))


@pytest.mark.parametrize("section", ["encoder", "target_encoder"])
def test_a_run_whose_model_was_replaced_is_not_resumed_and_one_that_was_moved_back_is(
    section: str, tiny_config: Path, reference: Path, tmp_path: Path, capsys
) -> None:
    places = {name: tmp_path / name for name in ("encoder", "target_encoder")}
    models = [f"{name}={{kind: pretrained, name: {place}}}" for name, place in places.items()]
    for place in places.values():
        shutil.copytree(reference / "model", place)
    folder = tmp_path / "run"
    with tiny.shared_step("two of the reference"):
        with a_signal_after(lambda record: record["event"] == "step"):
            assert tiny.train(tiny_config, folder, *models, *tiny.FAST) == STOPPED
        before = tiny.hashes(folder)
        change_weights(places[section])
        capsys.readouterr()
        assert tiny.train(tiny_config, folder, *models, *tiny.FAST, resume=True) == 2
        message = f"the model of {section} has changed since the run in {folder} began; put back"
        assert message in capsys.readouterr().err
        assert tiny.hashes(folder) == before
        shutil.rmtree(places[section])
        shutil.copytree(reference / "model", places[section])
        assert tiny.train(tiny_config, folder, *models, *tiny.FAST, resume=True) == 0


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("config_sentence_transformers.json", "at: ", "found: ", "prompts of the models"),
        ("config.json", '"gelu"', '"relu"', "settings in the folders of the models"),
    ],
)
def test_a_run_whose_model_has_other_prompts_or_settings_by_now_is_not_resumed(
    name: str,
    old: str,
    new: str,
    what: str,
    tiny_config: Path,
    reference: Path,
    tmp_path: Path,
    capsys,
) -> None:
    shutil.copytree(reference / "model", tmp_path / "model")
    file = tmp_path / "model" / "config_sentence_transformers.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {"prompts": {"query": "ask: ", "document": "at: "}}))
    model = f"encoder={{kind: pretrained, name: {tmp_path / 'model'}, prompts: {{}}}}"
    folder = tmp_path / "run"
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, folder, model) == STOPPED
    edited = tmp_path / "model" / name
    before = edited.read_text()
    assert before.count(old) == 1
    edited.write_text(before.replace(old, new))
    assert tiny.train(tiny_config, folder, model, resume=True) == 2
    assert f"the {what} have changed since" in capsys.readouterr().err
    edited.write_text(before)
    assert tiny.train(tiny_config, folder, model, resume=True) == 0


def test_a_run_whose_saved_orders_were_edited_is_not_resumed(
    tiny_config: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(reference / "orders", tmp_path / "orders")
    saved, folder = f"shuffling={{kind: file, path: {tmp_path / 'orders'}}}", tmp_path / "run"
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, folder, saved) == STOPPED
    last = tmp_path / "orders" / "epoch-002.txt"
    note, *rows = last.read_text().splitlines()
    last.write_text("\n".join([note, *rows[::-1]]))
    assert tiny.train(tiny_config, folder, saved, resume=True) == 2
    assert "the orders of shuffling.path have changed since" in capsys.readouterr().err
    last.write_text("\n".join(["# the same once more", *rows]))
    assert tiny.train(tiny_config, folder, saved, resume=True) == 0


def test_a_run_that_noted_neither_model_nor_orders_is_resumed(
    tiny_config: Path, reference: Path, tmp_path: Path
) -> None:
    saved, folder = f"shuffling={{kind: file, path: {reference / 'orders'}}}", tmp_path / "run"
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, folder, saved) == STOPPED
    noted = json.loads((folder / "data.json").read_text())
    assert noted.pop("orders")
    (folder / "data.json").write_text(json.dumps(noted))
    assert tiny.train(tiny_config, folder, saved, resume=True) == 0
