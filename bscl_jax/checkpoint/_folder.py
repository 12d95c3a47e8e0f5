"""One checkpoint as a folder: ``arrays/``, written by Orbax, and ``facts.json`` with checksums.

``facts.json`` holds the format version, step, score, the caller's facts, and a CRC-32 of each leaf,
of each file and of itself. A flipped bit in any file, a cut or missing file and exchanged leaves
are all found.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bscl_jax.checkpoint._leaves import describe
from bscl_jax.checkpoint._orbax import read_arrays, write_arrays

FORMAT = 1
"""Version of the folder's layout; raised when an older reader could not read it."""

ARRAYS, FACTS = "arrays", "facts.json"


class DamagedError(ValueError):
    """A checkpoint is not what was written; the message names the folder and what is wrong."""


class SaveError(OSError):
    """A checkpoint could not be written; the message says why, those before it are untouched."""


class Record(NamedTuple):
    """What ``facts.json`` says.

    Attributes:
        step: training steps done.
        score: what the best checkpoint is chosen by; higher is better, None is never best.
        facts: the caller's own.
        leaves: shape, dtype and crc32 by leaf name.
        files: bytes and crc32 by path below ``arrays``.
    """

    step: int
    score: float | None
    facts: dict[str, Any]
    leaves: dict[str, dict]
    files: dict[str, dict]


def write(
    folder: Path, arrays: dict[str, np.ndarray], step: int, score: float | None, facts: dict
) -> None:
    """Write a checkpoint into a new folder, flush it to the disk and read it back.

    Raises:
        DamagedError: if what is read back is not what was to be written.
        OSError: if the disk refuses.
    """
    leaves = {name: describe(name, array) for name, array in arrays.items()}
    try:
        write_arrays(folder / ARRAYS, arrays)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # TensorStore's own errors have no class; the arrays have been checked, so it is the disk.
        raise OSError(f"{ARRAYS}: {error}") from error
    files = {
        path.relative_to(folder / ARRAYS).as_posix(): _describe_file(path)
        for path in sorted((folder / ARRAYS).rglob("*"))
        if path.is_file()
    }
    content = Record(step, score, facts, leaves, files)._asdict() | {"format": FORMAT}
    (folder / FACTS).write_bytes(_seal(content))
    for path in [*folder.rglob("*"), folder]:
        flush(path)
    problems = find_damage(folder)
    if problems:
        raise DamagedError(
            f"checkpoint {folder} is damaged right after it was written ({'; '.join(problems)}); "
            "check the disk; the checkpoints before it are untouched"
        )


def read_record(folder: Path) -> Record:
    """Return what ``facts.json`` says.

    Raises:
        DamagedError: if it is missing, unreadable or not what was written.
        ValueError: if a newer version of the package wrote it.
    """
    try:
        sealed = (folder / FACTS).read_bytes()
        content = json.loads(sealed)["content"]
        whole = sealed == _seal(content)
    except OSError as error:
        raise DamagedError(f"{FACTS}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{FACTS} is not readable") from error
    if not whole:
        raise DamagedError(f"{FACTS} does not match its checksum")
    if content["format"] > FORMAT:
        raise ValueError(
            f"checkpoint {folder} has format {content['format']}, this version of bscl_jax reads "
            f"up to {FORMAT}; upgrade bscl_jax"
        )
    return Record(**{field: content[field] for field in Record._fields})


def read_checked(folder: Path, record: Record, names: list[str]) -> dict[str, np.ndarray]:
    """Return the named arrays, after all files and then these arrays have been checked.

    Raises:
        DamagedError: if anything is not what was written.
    """
    problems = [
        problem
        for path, expected in record.files.items()
        if (problem := _compare_file(folder / ARRAYS / path, expected))
    ]
    if problems:
        raise DamagedError("; ".join(problems))
    try:
        arrays = read_arrays(folder / ARRAYS, names)
    except MemoryError:
        raise
    except Exception as error:
        # Orbax's and TensorStore's errors have no common class; files as written do read.
        raise DamagedError(f"{ARRAYS} cannot be read: {error}") from error
    wrong = [name for name in names if describe(name, arrays[name]) != record.leaves[name]]
    if wrong:
        raise DamagedError(f"leaves do not match their checksums: {', '.join(wrong)}")
    return arrays


def find_damage(folder: Path) -> list[str]:
    """Return what is wrong with a checkpoint, in words; nothing if it is whole."""
    try:
        record = read_record(folder)
        read_checked(folder, record, list(record.leaves))
    except ValueError as error:
        return [str(error)]
    return []


def flush(path: Path) -> None:
    """Force a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(content: dict) -> bytes:
    """Return the bytes of the facts file: the content with its own checksum."""
    octets = json.dumps(content).encode()
    return json.dumps({"content": content, "crc32": zlib.crc32(octets)}).encode()


def _describe_file(path: Path) -> dict[str, int]:
    crc, size = 0, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc, size = zlib.crc32(block, crc), size + len(block)
    return {"bytes": size, "crc32": crc}


def _compare_file(path: Path, expected: dict) -> str | None:
    name = f"{ARRAYS}/…/{path.name}"
    try:
        found = _describe_file(path)
    except OSError as error:
        return f"{name}: {error.strerror}"
    if found["bytes"] != expected["bytes"]:
        return f"{name} has {found['bytes']} bytes instead of {expected['bytes']}"
    return None if found == expected else f"{name} does not match its checksum"
