"""What results and report say of the stages of a run."""

from collections.abc import Sequence
from typing import Any

from bscl_jax import assemble


def count_stages(stages: Sequence[assemble.Stage]) -> list[dict[str, Any]]:
    """Return names, first and last epochs, for the results."""
    return [
        {"name": stage.name, "first_epoch": stage.epochs[0], "last_epoch": stage.epochs[-1]}
        for stage in stages
    ]


def describe_stages(stages: Sequence[assemble.Stage]) -> str:
    """Name the stages with their epochs, for people."""
    return ", ".join(f"{stage.name} ({_describe_epochs(stage.epochs)})" for stage in stages)


def _describe_epochs(epochs: range) -> str:
    return f"epochs {epochs[0]}–{epochs[-1]}" if len(epochs) > 1 else f"epoch {epochs[0]}"
