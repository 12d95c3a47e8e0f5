"""A run that is asked to stop, in whatever it is doing, stops politely and soon."""

import signal
import time
from pathlib import Path

from tests.end_to_end import lives
from tests.end_to_end.lives import CALLS, Moment
from tests.end_to_end.test_resume import STOPPED, STOPPED_BY_HAND, assert_equal_runs

SOON = 10
"""Seconds from the signal to the exit."""
AT_ONCE = 2

WHILE = [
    *(Moment(what) for what in CALLS if what != "exporting"),
    Moment("compiling", 2),
    Moment("stepping"),
    Moment("saving", 4),
    Moment("stepping", 2),
    Moment("evaluating"),
]


def test_a_run_that_is_asked_to_stop_in_each_of_its_phases_stops_soon_and_ends_as_if_it_had_not(
    tiny_config: Path, reference: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for number, moment in enumerate(WHILE):
        name, status = (signal.SIGTERM, STOPPED) if number % 3 else (signal.SIGINT, STOPPED_BY_HAND)
        process = lives.start(tiny_config, folder, moment, (name,))
        process.join()
        said = folder.with_suffix(".out").read_text()[-3000:]
        assert process.exitcode == status, (moment, said)
        assert time.time() - folder.with_suffix(".moment").stat().st_mtime < SOON
        assert "the same command with --resume goes on" in said
    process = lives.start(tiny_config, folder, Moment("exporting"), (signal.SIGTERM,))
    process.join()
    assert process.exitcode == 0, "what is left is less than stopping and starting again"
    assert_equal_runs(folder, reference)


def test_a_second_signal_ends_a_run_at_once(tiny_config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = lives.start(tiny_config, folder, Moment("compiling", 2), (signal.SIGTERM,) * 2)
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    assert time.time() - folder.with_suffix(".moment").stat().st_mtime < AT_ONCE
