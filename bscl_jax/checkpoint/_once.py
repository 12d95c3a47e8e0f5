"""Saving, restoring and verifying in one call each."""

from pathlib import Path
from typing import Any, TypeVar

from bscl_jax.checkpoint._checkpoints import Checkpoints

Tree = TypeVar("Tree")


def save(
    directory: str | Path,
    step: int,
    tree: Any,
    facts: dict[str, Any] | None = None,
    *,
    score: float | None = None,
    keep_latest: int = 2,
) -> None:
    """Save one checkpoint and wait until it is on the disk; see ``Checkpoints.save``.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from bscl_jax import checkpoint
        >>> folder = tempfile.mkdtemp()
        >>> checkpoint.save(folder, 1, {"bias": np.zeros(2)})
        >>> checkpoint.verify(folder)
        {1: []}
    """
    with Checkpoints(directory, keep_latest=keep_latest) as checkpoints:
        checkpoints.save(step, tree, facts, score)


def restore(
    directory: str | Path, target: Tree, step: int | None = None, *, partial: bool = False
) -> tuple[Tree, dict[str, Any]]:
    """Return ``(tree, facts)`` of the newest whole checkpoint; see ``Checkpoints.restore``.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from bscl_jax import checkpoint
        >>> folder = tempfile.mkdtemp()
        >>> checkpoint.save(folder, 1, {"bias": np.ones(2), "scale": np.ones(2)})
        >>> checkpoint.restore(folder, {"bias": np.zeros(2)}, partial=True)
        ({'bias': array([1., 1.])}, {})
    """
    with Checkpoints(directory) as checkpoints:
        return checkpoints.restore(target, step, partial=partial)


def verify(directory: str | Path) -> dict[int, list[str]]:
    """Return for each checkpoint below a folder what is wrong with it; empty lists if nothing.

    Raises:
        FileNotFoundError: if there is no checkpoint.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from bscl_jax import checkpoint
        >>> folder = tempfile.mkdtemp()
        >>> checkpoint.save(folder, 7, {"bias": np.zeros(2)})
        >>> checkpoint.verify(folder)
        {7: []}
    """
    with Checkpoints(directory) as checkpoints:
        steps = checkpoints.steps()
        if not steps:
            raise FileNotFoundError(f"no checkpoint in {directory}; check the path")
        return {step: checkpoints.verify(step) for step in steps}
