"""What goes wrong while a run is under way, and runs that somebody damaged."""

import errno
import json

import pytest

from bscl_jax.cli import _nonfinite
from tests.end_to_end import tiny

USER_MISTAKE = 2
TOO_COLD = "loss.temperature=1e-30"


@pytest.fixture(scope="module")
def diverged(tmp_path_factory, sound):
    folder = tmp_path_factory.mktemp("diverged") / "run"
    assert tiny.train(sound, folder, TOO_COLD) == USER_MISTAKE
    return folder


@pytest.fixture
def resume(diverged, sound, capsys):
    """Resume the diverged run and return the message."""

    def start() -> str:
        assert tiny.train(sound, diverged, TOO_COLD, resume=True) == USER_MISTAKE
        return capsys.readouterr().err

    return start


def test_a_gradient_that_is_not_finite_ends_the_run_with_place_and_remedy(resume):
    message = resume()
    assert message.startswith("bscl-jax: gradient_norm is nan at step 1 (epoch 1, batch 0); ")
    assert "raise the temperature" in message
    assert message.endswith("other settings need another folder, --set run.dir=…\n")


def test_a_full_disk_does_not_hide_which_step_was_not_finite(resume, monkeypatch):
    def fill(path, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_nonfinite, "write_json", fill)
    message = resume()
    assert message.startswith("bscl-jax: gradient_norm is nan at step 1 (epoch 1, batch 0); ")
    assert "nonfinite.json could not be written ([Errno 28] No space left on device)" in message


def test_a_log_that_somebody_removed_is_missed(resume, diverged):
    log = diverged / "metrics.jsonl"
    text = log.read_text()
    log.unlink()
    try:
        assert "metrics.jsonl must have at least 2 lines" in resume()
    finally:
        log.write_text(text)


def test_damaged_checkpoints_are_named(resume, diverged):
    (facts,) = diverged.glob("checkpoints/*/facts.json")
    text = facts.read_text()
    facts.write_text(text.replace('"step"', '"stop"'))
    try:
        with pytest.warns(UserWarning, match="facts.json does not match its checksum"):
            assert "every checkpoint in" in resume()
    finally:
        facts.write_text(text)


def test_a_dev_measure_that_is_never_defined_is_named_at_the_end(sound, tmp_path, capsys):
    dev = tmp_path / "dev.tsv"
    dev.write_text("query\ttarget\tgrade\na map\ta city map\t5\na map\ta city map\t0\n")
    settings = (f"data.dev={dev}", *tiny.GRADED, "training.epochs=1")
    assert tiny.train(sound, tmp_path / "run", *settings) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert "dev pairs/spearman not defined" in out
    assert err.startswith("bscl-jax: evaluation.measure pairs/spearman is defined in no epoch")
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["dev"] == {"pairs/spearman": None, "pairs/pearson": None}
