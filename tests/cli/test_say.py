"""What is said, to whoever listens."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from bscl_jax.cli._say import PatientConsole, say
from tests.end_to_end import tiny


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """What a program writes to whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as file:
        yield file


def test_a_console_that_nobody_reads_is_quiet(unread: TextIO) -> None:
    console = PatientConsole(file=unread)
    say(console, "first")
    assert console.quiet
    say(console, "second")


def test_a_run_that_nobody_reads_any_longer_goes_on_to_its_end(
    sound: Path, tmp_path: Path, unread: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", unread)
    assert tiny.train(sound, tmp_path / "run", *tiny.FAST) == 0
    assert (tmp_path / "run" / "results.json").is_file()


def test_a_resume_with_nothing_to_go_on_with_says_that_it_starts_anew(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny.train(sound, tmp_path / "run", *tiny.FAST, resume=True) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{tmp_path}/run holds no run to go on with; starting anew"
