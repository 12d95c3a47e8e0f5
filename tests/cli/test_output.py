"""A file that cannot be written is known before anything is computed for it."""

from pathlib import Path

import pytest

from bscl_jax import assemble, data
from bscl_jax.cli import main
from bscl_jax.cli._output import check_writable
from tests.cli.conftest import USER_MISTAKE


@pytest.fixture(params=["evaluate", "batches", "replay"])
def command(request, sound, tmp_path, monkeypatch):
    """A command that would raise if it read its data."""
    monkeypatch.setattr(data, "load_task", None)
    monkeypatch.setattr(assemble, "lay_road", None)
    if request.param != "replay":
        return [request.param, "--config", str(sound)]
    (tmp_path / "config.yaml").write_text(Path(sound).read_text())
    return ["replay", str(tmp_path), "--step", "1"]


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ("folder", "is a folder; name a file"),
        ("file/in/found.json", "cannot be written to (Not a directory); name another file"),
    ],
)
def test_what_cannot_be_written_is_refused_first(command, output, fault, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    assert main([*command, "--output", f"{tmp_path}/{output}"]) == USER_MISTAKE
    assert capsys.readouterr().err == f"bscl-jax: --output {tmp_path}/{output} {fault}\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_file_that_can_be_written_has_a_folder_by_then_and_nothing_in_it(tmp_path):
    check_writable(f"{tmp_path}/below/found.json")
    assert list((tmp_path / "below").iterdir()) == []
