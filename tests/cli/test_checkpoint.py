from pathlib import Path

import pytest

from bscl_jax.cli import main
from tests.checkpoint import trees


@pytest.mark.parametrize("below", ["", "checkpoints"])
def test_verify_says_a_line_a_step(
    below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.save_steps(tmp_path / "checkpoints", 1, 2)
    assert main(["checkpoint", "verify", str(tmp_path / below)]) == 0
    assert capsys.readouterr().out == "step 1: whole\nstep 2: whole\n"


def test_verify_names_what_is_damaged_and_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.save_steps(tmp_path, 1, 2)
    (tmp_path / "00000002" / "facts.json").unlink()
    assert main(["checkpoint", "verify", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "step 1: whole",
        "step 2: facts.json: No such file or directory",
        "1 of 2 are damaged; --resume goes on from step 1",
    ]
    (tmp_path / "00000001" / "facts.json").unlink()
    assert main(["checkpoint", "verify", str(tmp_path)]) == 1
    assert "2 of 2 are damaged; none is left to resume from" in capsys.readouterr().out


def test_verify_of_a_folder_without_checkpoints_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"bscl-jax: no checkpoint in {tmp_path}; check the path\n"
