"""What waits for the first training step, on which a user waits too."""

from collections.abc import Callable
from threading import Event
from typing import Any

LONGEST = 10.0
"""Seconds after which it is waited for no longer; it may have to be compiled."""


class FirstStep:
    """Whether the first training step of this process is done, or will not come.

    The checkpoint before it is written after it: on few cores each would take as long again beside
    the other.
    """

    def __init__(self) -> None:
        self._over = Event()

    def watch(self, log: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """Return the log such that a step's record is noticed when it is written."""

        def write(record: dict[str, Any]) -> None:
            log(record)
            if record["event"] in {"step", "skip"}:
                self.let_go()

        return write

    def let_go(self) -> None:
        """Let go on whoever waits, now and later."""
        self._over.set()

    def wait(self) -> None:
        """Wait until it is over, for ``LONGEST`` seconds at most."""
        self._over.wait(LONGEST)
