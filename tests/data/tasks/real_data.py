"""Where the real files of the paper's tasks are, if they are here; they are no part of this."""

import os
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def find(task: str) -> Path:
    """Return the folder of a task; skip the test where there is none.

    ``BSCL_JAX_DATA`` names the folder that holds those of the tasks; without it, it is looked for
    where the configs do.
    """
    root = Path(os.environ.get("BSCL_JAX_DATA", REPOSITORY / ".." / "shared" / "data"))
    folder = root / task
    if not folder.is_dir():
        pytest.skip(f"needs the real data: no folder {folder}; BSCL_JAX_DATA may name another")
    return folder
