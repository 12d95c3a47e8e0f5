"""From SIGTERM and SIGINT to a polite ``stop()``."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODES = {signal.SIGTERM: 75, signal.SIGINT: 130}
"""Exit status of a run that a signal stopped and that has written a checkpoint: 75 asks a job
scheduler to start it again, 130 says that a person pressed Ctrl-C."""


class Stop:
    """Whether a signal has asked to stop: ``stop()``.

    Attributes:
        signal: the first signal that came, or None.
    """

    signal: int | None = None

    def __call__(self) -> bool:
        """Return True once a signal has come."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The exit status that belongs to the signal; 0 if none came."""
        return 0 if self.signal is None else EXIT_CODES[signal.Signals(self.signal)]


@contextmanager
def signals() -> Iterator[Stop]:
    """Catch SIGTERM and SIGINT in the block: the first is noted, a second ends the process at once.

    The second exits with 128 plus its number, without clean-up, even while the main thread is
    inside a compilation or a long step: a thread of its own reads the signals.

    Yields:
        The ``Stop`` to hand to ``train``.

    Raises:
        ValueError: if this is not the main thread.

    Example:
        >>> import os, signal
        >>> from bscl_jax import training
        >>> with training.signals() as stop:
        ...     os.kill(os.getpid(), signal.SIGTERM)
        >>> stop(), stop.exit_code
        (True, 75)
    """
    stop = Stop()

    def note(number: int, frame: FrameType | None) -> None:
        stop.signal = stop.signal or number

    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = {number: signal.signal(number, note) for number in EXIT_CODES}
    former_wakeup = signal.set_wakeup_fd(writer.fileno())
    watcher = threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(former_wakeup)
        for number, handler in former.items():
            signal.signal(number, handler)
        writer.close()
        watcher.join()
        reader.close()


def _watch(reader: socket.socket) -> None:
    """Read the number of each signal as it comes; end the process at the second."""
    seen = 0
    while octet := reader.recv(1):
        seen += octet[0] in EXIT_CODES
        if seen == 2:
            os._exit(128 + octet[0])
