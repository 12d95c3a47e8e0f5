"""One run at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bscl_jax.cli._folder import RunError


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other runs on this machine out of a folder until the block ends, or the process.

    The lock is the kernel's, on the folder itself: it is no file that a kill could leave behind. It
    does not reach other machines, and a file system may have no locks: there nobody is kept out.

    Args:
        path: the folder, which is made if it is not there.

    Raises:
        RunError: another process has it.
        OSError: it cannot be made.
    """
    import fcntl

    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunError(
            f"another process is training in {path}; wait for it, or end it if it hangs (a stopped "
            "one holds the folder too), or choose another folder with --set run.dir=…"
        ) from None
    except OSError:  # no locks here
        pass
    try:
        yield
    finally:
        os.close(descriptor)
