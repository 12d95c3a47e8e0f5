"""Files that are whole, or not there, and still so after a power cut."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def flush(path: Path) -> None:
    """Force a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON for people to read; there is never half a file, and no number that JSON lacks."""
    write_whole(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file aside, flush it and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unborn = aside(path)
    try:
        with unborn.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unborn.replace(path)
    except OSError:
        unborn.unlink(missing_ok=True)
        raise


def aside(path: Path) -> Path:
    """Return where a file is written before it has its name; a kill may leave it there."""
    return path.with_name(path.name + ".part")
