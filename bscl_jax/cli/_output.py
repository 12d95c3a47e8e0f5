"""Files that are asked for with ``--output``."""

from pathlib import Path
from tempfile import TemporaryFile

from bscl_jax.cli._folder import RunError


def check_writable(output: str) -> None:
    """Refuse a file that cannot be written, before anything is computed for it.

    Its folder is made.

    Args:
        output: the file.

    Raises:
        RunError: it is a folder, or nothing can be written there.
    """
    path = Path(output)
    if path.is_dir():
        raise RunError(f"--output {output} is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise RunError(
            f"--output {output} cannot be written to ({error.strerror}); name another file"
        ) from error
