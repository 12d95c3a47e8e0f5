"""Where a run may start, and what it may go on from."""

import dataclasses
import re

import pytest

from bscl_jax import config
from bscl_jax.cli._disk import write_whole
from bscl_jax.cli._folder import RunFolder, differences
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


def test_a_damaged_config_of_the_run_is_named(refuse, unfinished):
    (unfinished / "config.yaml").write_text("run: [")
    (line,) = refuse(resume=True)
    assert line.startswith(f"{unfinished}/config.yaml:1:7: not valid YAML")


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
