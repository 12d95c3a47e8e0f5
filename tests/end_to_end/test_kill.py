"""A run that is killed, again and again and anywhere, ends as if nothing had happened."""

import random
import signal
import time
from pathlib import Path

import pytest

from bscl_jax import checkpoint
from tests.end_to_end import lives, tiny
from tests.end_to_end.lives import CALLS, Moment
from tests.end_to_end.test_resume import assert_equal_runs

SAVE_EVERY = 2
"""As in the tiny config."""
LONGEST_LIFE = 120

NAMED = [
    *(Moment(what) for what in CALLS),
    Moment("compiling", 3),
    Moment("stepping", 2),
    Moment("evaluating", 4),
]


def draw(random: random.Random, kills: int) -> list[Moment]:
    """Return each named moment, then random file operations and times, in a random order."""
    moments = NAMED[:kills]
    while len(moments) < kills:
        moments.append(
            random.choice(
                (
                    Moment("saving", random.randint(1, 120)),
                    Moment("writing", random.randint(1, 200)),
                    Moment("seconds", round(random.uniform(0, 4), 3)),
                )
            )
        )
    random.shuffle(moments)
    return moments


def last_step(folder: Path) -> int:
    """Return the last step that was logged."""
    log = folder / "metrics.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return sum('"event": "step"' in line for line in lines)


def assert_little_is_lost(folder: Path) -> None:
    """The checkpoints are whole; behind the newest lie one interval and the steps of one write.

    So it is one interval behind a checkpoint that was being written; and two behind the log at
    most, as each save waits for the one before.
    """
    with checkpoint.Checkpoints(folder / "checkpoints") as checkpoints:
        assert not any(checkpoints.verify(step) for step in checkpoints.steps())
        newest = max(checkpoints.steps(), default=0)
    for writing in folder.glob("checkpoints/*.writing"):
        assert int(writing.stem) - newest <= SAVE_EVERY
    assert last_step(folder) - newest <= 2 * SAVE_EVERY


@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_anywhere_and_resumed_ends_as_if_it_had_not_been(
    kills: int, tiny_config: Path, reference: Path, tmp_path: Path
) -> None:
    folder, killed, finished = tmp_path / "run-0", 0, 0
    for moment in [*draw(random.Random(kills), kills), None]:
        process = lives.start(tiny_config, folder, moment, (signal.SIGKILL,))
        process.join(LONGEST_LIFE)
        said = folder.with_suffix(".out").read_text()[-3000:]
        if process.exitcode == 0:
            assert_equal_runs(folder, reference)
            finished += 1
            folder = tmp_path / f"run-{finished}"
            continue
        assert process.exitcode == -signal.SIGKILL, (moment, said)
        assert_little_is_lost(folder)
        killed += 1
    assert finished > 0
    assert killed > kills / 2, "most moments come before the end of a run"


def test_a_process_that_is_killed_while_it_imports_leaves_nothing(
    tiny_config: Path, tmp_path: Path
) -> None:
    process = tiny.start(tiny_config, tmp_path / "run")
    time.sleep(0.2)
    process.kill()
    assert process.wait(LONGEST_LIFE) == -signal.SIGKILL
    assert not (tmp_path / "run").exists()
