"""Checkpoints that earlier versions wrote, which every later one must read.

A folder of ``tests/golden/checkpoints`` has the number of its format and is never written again.
Where the format changes, write one of the new format beside the others:

    python -m tests.checkpoint.test_golden
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import checkpoint
from tests.checkpoint import trees
from tests.conftest import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden" / "checkpoints"
FORMATS = sorted(path.name for path in GOLDEN.iterdir())
STEP = 5


def make_tree() -> dict[str, Any]:
    """The tree of training, with every type of leaf that it can have."""
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
    params = {"encoder": {"dense": {"kernel": kernel, "bias": jnp.arange(4, dtype=jnp.bfloat16)}}}
    params |= {"log_temperature": np.float32(-2.5).reshape(())}
    moments = trees.Moments(np.int32(STEP).reshape(()), {"kernel": -kernel})
    return {
        "params": params,
        "opt_state": (moments, ()),
        "step": np.int32(STEP).reshape(()),
        "order": np.arange(6)[::-1] + 2**40,
    }


FACTS = {
    "epoch": 2,
    "batch": 2,
    "step": STEP,
    "evaluated": False,
    "best": {"epoch": 1, "step": 3, "score": 0.5},
    "evaluations": [{"event": "evaluation", "epoch": 1, "step": 3, "dev": {"dev/mrr": 0.5}}],
    "log_lines": 6,
}
"""The position of training: in the second epoch, after two of three batches."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_checkpoint_of_each_format_is_whole_and_reads_as_it_was_written(
    name: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(GOLDEN / name, tmp_path / name)
    assert checkpoint.verify(folder) == {STEP: []}
    restored, facts = checkpoint.restore(folder, make_tree())
    trees.assert_equal(restored, make_tree())
    assert facts == FACTS


def test_there_is_a_checkpoint_of_every_format() -> None:
    numbers = range(1, checkpoint.FORMAT + 1)
    assert [f"format-{number}" for number in numbers] == FORMATS


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:  # Orbax writes where it wrote into the files
        checkpoint.save(folder, STEP, make_tree(), FACTS)
        shutil.copytree(folder, GOLDEN / f"format-{checkpoint.FORMAT}")
