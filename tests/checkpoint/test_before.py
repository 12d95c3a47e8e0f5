import errno
from pathlib import Path

import pytest

from bscl_jax import checkpoint
from tests.checkpoint import trees


def test_what_a_checkpoint_counts_on_is_done_before_it_is_there(tmp_path: Path) -> None:
    found = []
    checkpoints = checkpoint.Checkpoints(tmp_path, before=lambda: found.append(checkpoints.steps()))
    checkpoints.save(1, trees.make_tree())
    checkpoints.save(2, trees.make_tree())
    checkpoints.close()
    assert found == [[], [1]]


def test_where_that_fails_there_is_no_checkpoint_and_the_error_says_so(tmp_path: Path) -> None:
    def refuse() -> None:
        raise OSError(errno.EIO, "Input/output error", "metrics.jsonl")

    checkpoints = checkpoint.Checkpoints(tmp_path, before=refuse)
    checkpoints.save(1, trees.make_tree())
    with pytest.raises(
        checkpoint.SaveError, match=r"step 1 .* could not be saved .*Input/output error: 'metrics"
    ):
        checkpoints.close()
    assert checkpoints.steps() == []
