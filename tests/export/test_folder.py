from pathlib import Path

import pytest

from bscl_jax.export._folder import whole_folder

MARK = "mark.json"


def fill(folder: Path, text: str) -> None:
    (folder / MARK).write_text(text)
    (folder / "inner").mkdir()


def fill_halfway(folder: Path) -> None:
    fill(folder, "second")
    raise RuntimeError


def test_the_folder_appears_at_the_end_only(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a" / "model", mark=MARK) as new:
        fill(new, "first")
        assert not (tmp_path / "a" / "model").exists()
    assert (tmp_path / "a" / "model" / MARK).read_text() == "first"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["model"]


def test_an_earlier_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "model", mark=MARK) as new:
        fill(new, "first")
        (new / "old.txt").touch()
    with whole_folder(tmp_path / "model", mark=MARK) as new:
        fill(new, "second")
    assert (tmp_path / "model" / MARK).read_text() == "second"
    assert not (tmp_path / "model" / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_error_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "model", mark=MARK) as new:
        fill(new, "first")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "model", mark=MARK) as new:
        fill_halfway(new)
    assert (tmp_path / "model" / MARK).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_rename_that_fails_brings_the_earlier_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole_folder(tmp_path / "model", mark=MARK) as new:
        fill(new, "first")
    rename = Path.rename

    def fail_for_new(path: Path, target: Path) -> Path:
        if ".new-" in path.name:
            raise OSError("disk on fire")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with (
        pytest.raises(OSError, match="on fire"),
        whole_folder(tmp_path / "model", mark=MARK) as new,
    ):
        fill(new, "second")
    assert (tmp_path / "model" / MARK).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with whole_folder(tmp_path / "model", mark=MARK) as new:
        fill(new, "first")
    assert (tmp_path / "model" / MARK).exists()


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with (
        pytest.raises(FileExistsError, match=r"has no mark\.json"),
        whole_folder(tmp_path / "thesis", mark=MARK),
    ):
        pass
    assert (tmp_path / "thesis" / "chapter.txt").exists()
