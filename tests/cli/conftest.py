"""A working run to spoil, and what a refusal must look like."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end import tiny

USER_MISTAKE = 2

Refuse = Callable[..., list[str]]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config of a run in which nothing is wrong; its data lies beside it."""
    return tiny.write(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def refuse(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Start the run with something wrong and return the lines of the one message.

    Held for every refusal: exit status 2, nothing on stdout, no traceback, and no run folder that
    was not there before.
    """

    def start(
        *overrides: str, config: Path = sound, resume: bool = False, runs: int | None = None
    ) -> list[str]:
        existed = (tmp_path / "run").exists()
        status = tiny.train(config, tmp_path / "run", *overrides, resume=resume, runs=runs)
        assert status == USER_MISTAKE
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert (tmp_path / "run").exists() == existed
        lines = err.splitlines()
        assert all(line.startswith("bscl-jax: ") for line in lines)
        return [line.removeprefix("bscl-jax: ") for line in lines]

    return start
