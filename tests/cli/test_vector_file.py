import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from bscl_jax.cli._folder import RunError
from bscl_jax.cli._vector_file import VectorFile

VECTORS = np.arange(35, dtype=np.float32).reshape(7, 5)
CHUNK = 3
FACTS = {
    "settings": {},
    "total": 7,
    "rows": 0,
    "dimension": 5,
    "width": 5,
    "dtype": "float32",
    "ranges": None,
}
FORMATS = ("npy", "parquet")


class KilledError(BaseException):
    """Stands for the end of the process."""


def write(path: Path, vectors: np.ndarray = VECTORS) -> None:
    """Begin a file, or go on with one, and finish it."""
    file = VectorFile(path)
    facts = file.read()
    if facts is None:
        facts = {**FACTS, "dtype": vectors.dtype.name}
        file.start(facts)
    for start in range(facts["rows"], len(vectors), CHUNK):
        facts = file.append(facts, vectors[start : start + CHUNK])
    file.finish(facts, row_group=CHUNK)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8"])
def test_an_npy_file_is_the_one_that_numpy_writes(tmp_path, dtype):
    vectors = VECTORS.astype(dtype)
    write(tmp_path / "a.npy", vectors)
    np.save(tmp_path / "numpy.npy", vectors)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert names(tmp_path) == {"a.npy", "a.npy.json", "numpy.npy"}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8"])
def test_a_parquet_file_has_a_list_a_row_and_a_row_group_a_chunk(tmp_path, dtype):
    write(tmp_path / "a.parquet", VECTORS.astype(dtype))
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    kind = file.schema_arrow.field("embedding").type
    assert (kind.list_size, kind.value_type.to_pandas_dtype()) == (5, np.dtype(dtype).type)
    assert file.read().column("embedding").to_pylist() == VECTORS.tolist()
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [3, 3, 1]
    assert names(tmp_path) == {"a.parquet", "a.parquet.json"}


@pytest.mark.parametrize("suffix", FORMATS)
def test_killed_at_any_call_that_reaches_the_disk_it_goes_on_to_the_same_bytes(
    tmp_path, suffix, monkeypatch
):
    whole = tmp_path / f"whole.{suffix}"
    write(whole)
    path = tmp_path / f"a.{suffix}"
    for dying in itertools.count(1):
        for made in tmp_path.glob("a.*"):
            made.unlink()
        with monkeypatch.context() as patch:
            die_at(patch, dying)
            try:
                write(path)
            except KilledError:
                if path.exists():
                    assert path.read_bytes() == whole.read_bytes()
            else:
                break
        write(path)
        assert path.read_bytes() == whole.read_bytes()
        assert names(tmp_path) == {
            f"a.{suffix}",
            f"a.{suffix}.json",
            whole.name,
            f"{whole.name}.json",
        }
    assert dying > 10


def die_at(patch: pytest.MonkeyPatch, call: int) -> None:
    """Raise before the call of that number, of all that flush, rename or remove a file."""
    calls = itertools.count(1)

    def dying(function: Any) -> Any:
        def call_or_die(*arguments: Any, **keywords: Any) -> Any:
            if next(calls) == call:
                raise KilledError
            return function(*arguments, **keywords)

        return call_or_die

    patch.setattr(os, "fsync", dying(os.fsync))
    patch.setattr(Path, "replace", dying(Path.replace))
    patch.setattr(Path, "unlink", dying(Path.unlink))


def test_half_a_chunk_behind_the_safe_rows_is_written_anew(tmp_path):
    file = VectorFile(tmp_path / "a.npy")
    file.start(FACTS)
    file.append(FACTS, VECTORS[:CHUNK])
    with file.part.open("ab") as part:
        part.write(b"half a row")
    write(file.path)
    np.testing.assert_array_equal(np.load(file.path), VECTORS)


def test_safe_rows_that_are_gone_are_refused(tmp_path):
    file = VectorFile(tmp_path / "a.npy")
    file.start(FACTS)
    facts = file.append(FACTS, VECTORS[:CHUNK])
    file.part.write_bytes(file.part.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"a\.npy\.part has lost vectors; start anew"):
        file.append(facts, VECTORS[CHUNK:])


def test_a_finished_file_stays_until_the_new_one_is_whole(tmp_path):
    write(tmp_path / "a.npy")
    file = VectorFile(tmp_path / "a.npy")
    file.start(FACTS)
    facts = file.append(FACTS, VECTORS[::-1])
    np.testing.assert_array_equal(np.load(file.path), VECTORS)
    file.finish(facts, row_group=CHUNK)
    np.testing.assert_array_equal(np.load(file.path), VECTORS[::-1])


def test_a_file_of_another_program_is_not_gone_on_with(tmp_path):
    np.save(tmp_path / "a.npy", VECTORS)
    with pytest.raises(RunError, match=r"a\.npy exists, but not a\.npy\.json"):
        VectorFile(tmp_path / "a.npy").read()


DAMAGED = [
    json.dumps(FACTS | damage)
    for damage in (
        {"settings": []},
        {"settings": None},
        {"rows": "0"},
        {"rows": True},
        {"rows": -1},
        {"rows": 8},
        {"total": None},
        {"width": 5.0},
        {"dtype": "object"},
        {"dtype": ["float32"]},
        {"ranges": 3},
    )
]
LACKING = [json.dumps({key: FACTS[key] for key in FACTS if key != name}) for name in FACTS]
OTHER = ['{"a": 1}', "[]", "garbage", "", b"\xff", "[" * 100_000, *DAMAGED, *LACKING]


@pytest.mark.parametrize("content", OTHER)
@pytest.mark.parametrize("suffix", ["json", "part.json"])
def test_facts_of_another_program_are_not_gone_on_with(tmp_path, suffix, content):
    path = tmp_path / f"a.npy.{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=rf"{path.name} is none of the files that embed writes"):
        VectorFile(tmp_path / "a.npy").read()
