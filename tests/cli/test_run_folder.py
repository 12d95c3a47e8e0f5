"""Where a run may start, and what it may go on from."""

import dataclasses
import errno
import fcntl
import os
import re
import signal
import subprocess
import sys

import pytest

from bscl_jax import assemble, config
from bscl_jax.cli import main
from bscl_jax.cli._alone import alone
from bscl_jax.cli._disk import write_json, write_whole
from bscl_jax.cli._folder import (
    RunError,
    RunFolder,
    check_data,
    check_in_place,
    check_may_start,
    check_not_finished,
    differences,
    start,
)
from tests.cli.conftest import USER_MISTAKE
from tests.cli.left import leave_run
from tests.end_to_end import tiny


@pytest.fixture
def unfinished(sound, tmp_path):
    """A run folder as a run leaves it that was killed before its first checkpoint."""
    resolved = config.load(sound, [f"run.dir={tmp_path}/run"])
    write_whole(tmp_path / "run" / "config.yaml", config.dump(resolved))
    return tmp_path / "run"


def test_a_folder_with_other_content_is_left_alone(refuse, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("three years of work")
    assert refuse() == [
        f"run.dir {tmp_path}/run exists and is no run folder; choose another with --set run.dir=…, "
        "or move it away"
    ]
    assert list((tmp_path / "run").iterdir()) == [tmp_path / "run" / "thesis.tex"]


def test_a_file_is_no_run_folder(refuse, tmp_path):
    (tmp_path / "run").write_text("a file")
    (line,) = refuse()
    assert "exists and is no run folder" in line
    assert (tmp_path / "run").read_text() == "a file"


def test_a_folder_that_cannot_be_made_is_named(refuse, tmp_path):
    (tmp_path / "file").write_text("")
    (line,) = refuse(f"run.dir={tmp_path}/file/run")
    assert re.match(r"run\.dir .*/file/run cannot be written to \(Not a directory\); choose", line)


def test_a_path_that_orbax_takes_for_a_pattern_is_refused(refuse, tmp_path):
    (line,) = refuse(f"run.dir={tmp_path}/run[1]")
    assert line.startswith("run.dir must hold no [, which Orbax would take for a pattern")


def test_an_unfinished_run_is_not_started_over(refuse, unfinished):
    before = tiny.hashes(unfinished)
    assert refuse() == [
        f"{unfinished} holds an unfinished run; go on with --resume, choose another folder with "
        "--set run.dir=…, or remove it"
    ]
    assert tiny.hashes(unfinished) == before


def test_a_run_is_not_resumed_with_another_config(refuse, unfinished):
    before = tiny.hashes(unfinished)
    assert refuse("training.epochs=3", "loss.train_temperature=false", resume=True) == [
        f"{unfinished} was started with another config (loss.train_temperature was True, is False; "
        f"training.epochs was 2, is 3); resume with that one, {unfinished}/config.yaml, or choose "
        "another folder with --set run.dir=…"
    ]
    assert tiny.hashes(unfinished) == before


def test_a_run_may_be_resumed_on_other_devices(unfinished, sound):
    resolved = config.load(sound, ["training.devices=2"])
    check_may_start(RunFolder(unfinished), resolved, resume=True)
    assert differences(config.load(sound), resolved) == ["training.devices was 1, is 2"]


def test_a_run_that_was_moved_is_not_begun_anew_where_it_was(unfinished, tmp_path, capsys):
    (unfinished / "checkpoints").mkdir()
    moved = unfinished.rename(tmp_path / "moved")
    before = tiny.hashes(moved)
    assert main(["train", "--config", str(moved / "config.yaml"), "--resume"]) == USER_MISTAKE
    assert f"which began in {unfinished}, was moved; add --set run.dir={moved}" in (
        capsys.readouterr().err
    )
    assert not unfinished.exists()
    assert tiny.hashes(moved) == before
    here = config.load(moved / "config.yaml", [f"run.dir={moved}"])
    check_in_place(moved / "config.yaml", here)
    check_may_start(RunFolder(moved), here, resume=True)


def test_one_of_several_runs_that_were_moved_is_not_begun_anew(sound, tmp_path, capsys):
    run = leave_run(sound, tmp_path / "runs" / "seed-3").path
    (run / "checkpoints").mkdir()
    (tmp_path / "runs").rename(tmp_path / "moved")
    command = ["train", "--config", str(tmp_path / "moved" / "seed-3" / "config.yaml"), "--resume"]
    assert main([*command, "--runs", "2"]) == USER_MISTAKE
    message = f"which began in {run}, was moved; add --set run.dir={tmp_path / 'moved'}"
    assert capsys.readouterr().err.rstrip().endswith(message)
    assert not run.exists()


def test_a_damaged_config_of_the_run_is_named(refuse, unfinished):
    (unfinished / "config.yaml").write_text("run: [")
    (line,) = refuse(resume=True)
    assert line.startswith(f"{unfinished}/config.yaml:1:7: not valid YAML")


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_which_another_process_trains_is_refused(refuse, unfinished, resume):
    if not resume:
        (unfinished / "config.yaml").unlink()
    before = tiny.hashes(unfinished)
    with alone(unfinished):
        assert refuse(resume=resume) == [
            f"another process is training in {unfinished}; wait for it, or end it if it hangs (a "
            "stopped one holds the folder too), or choose another folder with --set run.dir=…"
        ]
    assert tiny.hashes(unfinished) == before


def test_a_folder_is_free_again_when_its_run_ends_however_it_does(tmp_path):
    for error in (KeyboardInterrupt, RunError):
        with pytest.raises(error), alone(tmp_path):
            raise error
    command = "from bscl_jax.cli._alone import alone\nimport pathlib, os, signal\n"
    command += f"with alone(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", command], check=False)
    assert killed.returncode == -signal.SIGKILL
    with alone(tmp_path):
        assert not list(tmp_path.iterdir())


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone(tmp_path), alone(tmp_path):
        pass


def test_a_run_does_not_go_on_with_other_data(refuse, unfinished, sound):
    hashes = dict(assemble.lay_road(config.load(sound)).hashes)
    check_data(RunFolder(unfinished), hashes)  # begun before there was a data.json
    write_json(unfinished / "data.json", hashes | {"train": "0" * 64, "dev/more": "1" * 64})
    before = tiny.hashes(unfinished)
    assert refuse(resume=True) == [
        f"the data of dev/more, train have changed since the run in {unfinished} began; put back "
        "what was there, or choose another folder with --set run.dir=…"
    ]
    assert tiny.hashes(unfinished) == before


EXTRAS = ["3", '{"a": 1}', '{"number": "3", "multiple": 1}']


@pytest.mark.parametrize("content", ["", "[1]", "{", "7", *(f'{{"extras": {e}}}' for e in EXTRAS)])
def test_a_damaged_record_of_the_data_is_named(refuse, unfinished, content):
    (unfinished / "data.json").write_text(content)
    (line,) = refuse(resume=True)
    assert line.startswith(f"{unfinished}/data.json is damaged; remove it to go on")


def test_a_run_that_was_finished_while_this_one_began_is_left_alone(tmp_path):
    folder = RunFolder(tmp_path)
    check_not_finished(folder)
    write_json(folder.results, {})
    with pytest.raises(RunError, match=r"has finished the run in .* meanwhile; the same command"):
        check_not_finished(folder)


@pytest.mark.parametrize("resume", [False, True])
def test_half_a_config_that_a_kill_has_left_is_no_run(sound, tmp_path, resume):
    resolved = config.load(sound, [f"run.dir={tmp_path}/run"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml.part").write_text("run: {di")
    check_may_start(RunFolder(tmp_path / "run"), resolved, resume=resume)
    start(RunFolder(tmp_path / "run"), resolved, {"train": "0"})
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.yaml", "data.json"}


def test_a_full_disk_leaves_nothing_of_a_file(tmp_path, monkeypatch):
    def fill(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "file", "new")
    assert not list(tmp_path.iterdir())


def test_the_run_folder_itself_is_no_difference(sound):
    here, there = (config.load(sound, [f"run.dir={name}"]) for name in ("here", "there"))
    assert differences(here, there) == []


def test_another_kind_is_a_difference_with_all_that_hangs_on_it(sound):
    one, other = config.load(sound), config.load(sound, ["shuffling={kind: random}"])
    changes = differences(one, other)
    assert "shuffling.kind was 'by_example', is 'random'" in changes
    assert "shuffling.num_neighbors was 8, is None" in changes
    hanging = set(dataclasses.asdict(one.shuffling))
    assert {line.partition(" ")[0] for line in changes} <= {f"shuffling.{name}" for name in hanging}


def test_a_difference_within_a_stage_is_named_by_its_path(sound):
    one, other = (
        config.load(sound, [f"stages=[{{}}, {{training: {{epochs: {epochs}}}}}]"])
        for epochs in (2, 4)
    )
    assert differences(one, other) == ["stages.1.training.epochs was 2, is 4"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_whole(tmp_path / "file", "old")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "file", None)  # pyright: ignore
    assert (tmp_path / "file").read_text() == "old"


def test_an_empty_folder_is_a_new_run(tmp_path):
    assert RunFolder(tmp_path).state() == "new"


def test_the_batches_of_epochs_are_in_their_order_after_the_thousandth_too(tmp_path):
    for epoch in (1000, 999, 1, 1001):
        write_json(tmp_path / "orders" / f"epoch-{epoch:03d}.json", {"epoch": epoch})
    found = RunFolder(tmp_path).read_batches()
    assert [facts["epoch"] for facts in found] == [1, 999, 1000, 1001]


def test_a_tilde_is_the_home_folder(sound, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("three years of work")
    arguments = ["train", "--config", str(sound), "--set", "run.dir=~/mine"]
    for more in ([], ["--runs", "2"]):
        assert main([*arguments, *more]) == USER_MISTAKE
        assert f"run.dir {tmp_path}/mine exists and is no" in capsys.readouterr().err
