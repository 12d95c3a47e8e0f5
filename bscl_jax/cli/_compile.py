"""Training steps compiled while something else goes on."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.status import Status

from bscl_jax import assemble, training
from bscl_jax.cli._say import say


class _Left(Exception):  # noqa: N818  (no error: nobody waits for it any more)
    """The run has ended while its steps were being compiled."""


@contextmanager
def compiling(
    console: Console, road: assemble.Road, state: training.State, key: Any, *, first_epoch: int
) -> Iterator[None]:
    """Compile what the steps from an epoch on need, beside what is done in the block.

    At the end of the block what is not ready yet is waited for. If the block raises, only the
    program that is being compiled is.
    """
    left = threading.Event()
    waiting: list[Status] = []

    def advance(done: int, of: int) -> None:
        if left.is_set():
            raise _Left
        if waiting:
            waiting[0].update(f"compiling the training step, shape {done + 1} of {of}")

    with ThreadPoolExecutor(1, "compile") as thread:
        compiled = thread.submit(road.compile, state, key, first_epoch, advance)
        try:
            yield
        except BaseException:
            left.set()
            raise
        with console.status("compiling the training step") as status:
            waiting.append(status)
            count = compiled.result()
    if count:
        say(console, f"compiled {count} shape{'s' * (count > 1)} of the training step")
