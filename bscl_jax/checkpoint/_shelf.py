"""The checkpoints of a run side by side: which there are, putting one in place, taking one away.

A folder named by its step, ``00000120``, is complete. Another ending marks what a kill may leave:
``.writing`` (not finished), ``.replaced`` (the former one of the same step, until the new one
stands in its place) and ``.removing``.
"""

import shutil
from pathlib import Path

from bscl_jax.checkpoint._folder import flush


def list_steps(shelf: Path) -> list[int]:
    """Return the steps of which there is a complete checkpoint, oldest first."""
    if not shelf.is_dir():
        return []
    names = (path.name.removesuffix(".replaced") for path in shelf.iterdir() if path.is_dir())
    return sorted({int(name) for name in names if name.isdecimal()})


def find_folder(shelf: Path, step: int) -> Path:
    """Return the folder of a step: the former one if a kill came between the two renames."""
    final = _final(shelf, step)
    former = final.with_suffix(".replaced")
    return former if former.exists() and not final.exists() else final


def start_folder(shelf: Path, step: int) -> Path:
    """Return a new empty folder to write a step into, after clearing what a kill left."""
    if not shelf.is_dir():
        shelf.mkdir(parents=True)
        flush(shelf.parent)
    for former in shelf.glob("*.replaced"):
        if not former.with_suffix("").exists():
            former.rename(former.with_suffix(""))
    for ending in ("writing", "replaced", "removing"):
        for leftover in shelf.glob(f"*.{ending}"):
            shutil.rmtree(leftover)
    folder = _final(shelf, step).with_suffix(".writing")
    folder.mkdir()
    return folder


def finish_folder(shelf: Path, step: int) -> None:
    """Give a written and flushed folder its name, in the place of a former one of the step."""
    final = _final(shelf, step)
    former = final.with_suffix(".replaced")
    if final.exists():
        final.rename(former)
    final.with_suffix(".writing").rename(final)
    flush(shelf)
    shutil.rmtree(former, ignore_errors=True)


def discard_folder(shelf: Path, step: int) -> None:
    """Remove what was written of a step that failed."""
    shutil.rmtree(_final(shelf, step).with_suffix(".writing"), ignore_errors=True)


def remove_folder(shelf: Path, step: int) -> None:
    """Remove a checkpoint; it is renamed first, so that half a one never bears its name."""
    final = _final(shelf, step)
    doomed = final.rename(final.with_suffix(".removing"))
    shutil.rmtree(doomed)


def _final(shelf: Path, step: int) -> Path:
    return shelf / f"{step:08d}"
