"""A file of vectors that grows by whole chunks and gets its name once it is whole."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import RunError

SUFFIXES = (".npy", ".parquet")
_COUNTS = ("total", "rows", "dimension", "width")
_STORED = ("float32", "float16", "int8", "uint8")
COLUMN = "embedding"
"""Name of the one column of a Parquet file."""


class VectorFile(NamedTuple):
    """The paths of a file of vectors, finished or not.

    While it grows, ``part`` has the vectors as ``.npy`` with the final header, and ``state`` says
    how many of its rows are safe; whatever stands behind them is written anew. Finished, the file
    has its name, and ``facts`` beside it says what it holds.

    Attributes:
        path: the finished file, ``.npy`` or ``.parquet``.
    """

    path: Path

    @property
    def part(self) -> Path:
        """The vectors so far."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def state(self) -> Path:
        """The facts of a file that is not finished, with the rows that are safe."""
        return self.path.with_name(self.path.name + ".part.json")

    @property
    def facts(self) -> Path:
        """The facts of a finished file."""
        return self.path.with_name(self.path.name + ".json")

    def check_may_start(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse another suffix, and to start over what is there without being told.

        Raises:
            RunError: with what to do instead.
        """
        if self.path.suffix not in SUFFIXES:
            raise RunError(f"--output {self.path}: the suffix must be {' or '.join(SUFFIXES)}")
        if self.path.is_dir():
            raise RunError(f"--output {self.path} is a folder; name a file in it")
        if resume or overwrite:
            return
        if self.state.exists():
            raise RunError(
                f"{self.path} is unfinished; go on with --resume, or start anew with --overwrite"
            )
        if self.path.exists():
            raise RunError(f"{self.path} exists; name another file, or replace it by --overwrite")

    def read(self) -> dict[str, Any] | None:
        """Return the facts of the file as far as it has come; None where there is none.

        Raises:
            RunError: a file is there that no ``embed`` has written.
        """
        for path in (self.state, self.facts):
            if path.exists():
                return read_facts(path)
        if self.path.exists():
            raise RunError(
                f"{self.path} exists, but not {self.facts.name}, which would say what it holds; "
                "name another file, or replace it by --overwrite"
            )
        return None

    def start(self, facts: Mapping[str, Any]) -> None:
        """Begin a file with no rows; what has been begun before is lost, a finished file not yet.

        Args:
            facts: ``settings``; ``total`` rows of ``width`` numbers of a NumPy ``dtype``, which
                hold ``dimension`` features; their ``ranges`` or None; and ``rows``, 0.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.state.unlink(missing_ok=True)
        with self.part.open("wb") as file:
            file.write(header(facts))
            sync(file)
        write_json(self.state, facts)

    def append(self, facts: Mapping[str, Any], vectors: np.ndarray) -> dict[str, Any]:
        """Write the vectors of a chunk behind the rows that are safe, and make them safe too.

        Returns:
            The facts with the new number of rows.

        Raises:
            RunError: rows that were safe are gone.
        """
        safe = (
            len(header(facts)) + facts["rows"] * facts["width"] * np.dtype(facts["dtype"]).itemsize
        )
        if not self.part.is_file() or self.part.stat().st_size < safe:
            raise RunError(f"{self.part} has lost vectors; start anew with --overwrite")
        with self.part.open("r+b") as file:
            file.truncate(safe)
            file.seek(safe)
            file.write(np.ascontiguousarray(vectors).data)
            sync(file)
        grown = {**facts, "rows": facts["rows"] + len(vectors)}
        write_json(self.state, grown)
        return grown

    def finish(self, facts: Mapping[str, Any], *, row_group: int) -> None:
        """Give a whole file its name; can be called again, wherever the call before was cut off.

        Args:
            facts: those of a file with all its rows.
            row_group: rows of a row group of a Parquet file.
        """
        if not self.state.exists():
            return
        if self.part.exists() and self.path.suffix == ".parquet":
            aside = self.path.with_name(self.path.name + ".whole.part")
            write_parquet(aside, np.load(self.part, mmap_mode="r"), row_group)
            aside.replace(self.path)
            self.part.unlink()
        elif self.part.exists():
            self.part.replace(self.path)
        self.state.replace(self.facts)


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts that ``embed`` has written to a file.

    Raises:
        RunError: it has not.
    """
    try:
        facts = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or not _are_whole(facts):
        raise RunError(
            f"{path} is none of the files that embed writes beside vectors; name another output, "
            "or start anew with --overwrite"
        )
    return facts


def _are_whole(facts: dict[str, Any]) -> bool:
    return (
        isinstance(facts.get("settings"), dict)
        and all(type(facts.get(name)) is int and facts[name] >= 0 for name in _COUNTS)
        and facts["rows"] <= facts["total"]
        and facts.get("dtype") in _STORED
        and isinstance(facts.get("ranges", ""), list | None)
    )


def header(facts: Mapping[str, Any]) -> bytes:
    """Return what stands before the vectors in a ``.npy`` file."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content,
        {
            "shape": (facts["total"], facts["width"]),
            "fortran_order": False,
            "descr": np.lib.format.dtype_to_descr(np.dtype(facts["dtype"])),
        },
    )
    return content.getvalue()


def write_parquet(path: Path, vectors: np.ndarray, row_group: int) -> None:
    """Write ``(n, d)`` as one column of lists of d numbers, a row group at a time."""
    import pyarrow
    from pyarrow import parquet

    width = vectors.shape[1]
    kind = pyarrow.list_(pyarrow.from_numpy_dtype(vectors.dtype), width)
    schema = pyarrow.schema([(COLUMN, kind)])
    with path.open("wb") as file:
        with parquet.ParquetWriter(file, schema) as writer:
            for start in range(0, len(vectors), row_group):
                flat = pyarrow.array(np.ravel(vectors[start : start + row_group]))
                lists = pyarrow.FixedSizeListArray.from_arrays(flat, type=kind)
                writer.write_table(pyarrow.table([lists], schema=schema))
        sync(file)


def sync(file: BinaryIO) -> None:
    """Bring what was written to the disk."""
    file.flush()
    os.fsync(file.fileno())
