import os
from pathlib import Path

import pytest

from bscl_jax.data import _kept, keep_file, recall_file

CONTENT = b"any \x00 bytes"


def test_what_is_kept_is_recalled(tmp_path):
    path = tmp_path / "folder" / "name"
    assert recall_file(path) is None
    keep_file(path, CONTENT)
    assert recall_file(path) == CONTENT
    keep_file(path, b"")
    assert recall_file(path) == b""
    assert [*path.parent.iterdir()] == [path]


def test_whichever_bit_is_flipped_damage_is_known(tmp_path):
    path = tmp_path / "name"
    keep_file(path, CONTENT)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        assert recall_file(path) is None, place


def test_wherever_it_is_cut_damage_is_known(tmp_path):
    path = tmp_path / "name"
    keep_file(path, CONTENT)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert recall_file(path) is None, end


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OSError, match="folder"):
        keep_file(tmp_path / "folder" / "name", CONTENT)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(self: Path, target: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        keep_file(tmp_path / "name", CONTENT)
    assert [*tmp_path.iterdir()] == []


def test_what_was_used_longest_ago_makes_room(tmp_path, monkeypatch):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for age, path in enumerate([first, second]):
        keep_file(path, CONTENT)
        os.utime(path, ns=(age, age))
    monkeypatch.setattr(_kept, "LARGEST", first.stat().st_size + len(CONTENT))
    assert recall_file(first) == CONTENT  # used now
    keep_file(third, CONTENT)
    assert {*tmp_path.iterdir()} == {first, third}


def test_what_is_larger_than_the_whole_folder_may_be_is_not_kept(tmp_path, monkeypatch):
    keep_file(tmp_path / "small", b"42")
    monkeypatch.setattr(_kept, "LARGEST", len(CONTENT) - 1)
    keep_file(tmp_path / "name", CONTENT)
    assert [*tmp_path.iterdir()] == [tmp_path / "small"]


def test_what_may_only_be_read_is_recalled(tmp_path, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(path)

    keep_file(tmp_path / "name", CONTENT)
    monkeypatch.setattr(os, "utime", refuse)
    assert recall_file(tmp_path / "name") == CONTENT
