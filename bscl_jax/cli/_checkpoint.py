"""``bscl-jax checkpoint verify``: whether the checkpoints of a run are what was written."""

from pathlib import Path

from bscl_jax import checkpoint
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._say import PatientConsole, say

DAMAGED = 1
"""Exit status where a checkpoint is not what was written."""


def verify(path: str) -> int:
    """Check every file and array of each checkpoint and say a line about each, oldest first.

    Args:
        path: the folder of a run, or its checkpoints.

    Returns:
        The exit status: 0 where all are whole, 1 where one is damaged.

    Raises:
        RunError: there is no checkpoint.
    """
    console = PatientConsole(highlight=False)
    below = RunFolder(Path(path)).checkpoints
    try:
        found = checkpoint.verify(below if below.is_dir() else path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(str(error)) from error
    for step, problems in found.items():
        say(console, f"step {step}: {'; '.join(problems) or 'whole'}")
    whole = [step for step, problems in found.items() if not problems]
    if len(whole) == len(found):
        return 0
    remedy = f"--resume goes on from step {whole[-1]}" if whole else "none is left to resume from"
    say(console, f"{len(found) - len(whole)} of {len(found)} are damaged; {remedy}")
    return DAMAGED
