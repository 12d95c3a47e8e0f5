"""Training steps compiled while something else goes on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import RLock
from typing import Any

from rich.console import Console

from bscl_jax import assemble, training
from bscl_jax.cli._say import say
from bscl_jax.types import PairBatch

StepOf = Callable[[int], training.Step]
"""``epoch -> step``, the step that an epoch takes."""

PATIENCE = 1.0
"""Seconds after which it is said what is waited for."""


@contextmanager
def compiling(
    console: Console, step_of: StepOf, programs: Sequence[assemble.Program]
) -> Iterator[StepOf]:
    """Compile programs, one after the other, beside what is done in the block.

    Once the first step has its program it runs alone: the next program is begun when the second
    step is asked for. What is read from a cache beside a step takes the cores that it runs on.

    Yields:
        ``epoch -> step`` as it is given, but each step waits until what it needs is compiled. At
        the end of the block no further program is begun.
    """
    with ThreadPoolExecutor(1, "compile") as thread:
        queue, first = Queue(thread, programs), True
        firsts = sorted({each.epoch for each in programs}, reverse=True)
        said = not programs

        def step_when_ready(epoch: int) -> training.Step:
            step, since = step_of(epoch), next((each for each in firsts if each <= epoch), epoch)

            def take(state: training.State, batch: PairBatch, key: Any) -> Any:
                nonlocal said, first
                if first:
                    queue.hold()
                program = queue.find((since, assemble.shapes_of(batch)))
                if not first:
                    queue.go_on()
                first = False
                ready = step if program is None else await_compiled(console, program)
                if not said and queue.is_empty():
                    said, plural = True, "s" * (len(programs) > 1)
                    say(console, f"compiled {len(programs)} shape{plural} of the training step")
                return ready(state, batch, key)

            return take

        try:
            yield step_when_ready
        finally:
            queue.close()


class Queue:
    """Programs that a thread compiles one after the other, but next what is waited for."""

    def __init__(self, thread: ThreadPoolExecutor, programs: Sequence[assemble.Program]) -> None:
        self._thread, self._lock, self._held = thread, RLock(), False
        self._waiting = {(each.epoch, each.shapes): each for each in programs}
        self._begun: dict[Any, Future[training.Step]] = {}
        self._begin_next()

    def find(self, key: tuple[int, Any]) -> Future[training.Step] | None:
        """Return the program of an epoch and shapes, which is begun if it was not; None without."""
        with self._lock:
            if key in self._waiting:
                self._begin(key)
            return self._begun.get(key)

    def hold(self) -> None:
        """Begin no other program than what is asked for, until ``go_on``."""
        with self._lock:
            self._held = True

    def go_on(self) -> None:
        """Begin the next program when no other is being compiled."""
        with self._lock:
            self._held = False
            self._begin_next()

    def is_empty(self) -> bool:
        """Return whether all programs are compiled."""
        with self._lock:
            return not self._waiting and all(each.done() for each in self._begun.values())

    def close(self) -> None:
        """Begin no further program."""
        with self._lock:
            self._waiting.clear()
            for each in self._begun.values():
                each.cancel()

    def _begin(self, key: Any) -> None:
        program = self._begun[key] = self._thread.submit(self._waiting.pop(key).compile)
        program.add_done_callback(self._begin_next)

    def _begin_next(self, _: object = None) -> None:
        with self._lock:
            idle = all(each.done() for each in self._begun.values())
            if self._waiting and idle and not self._held:
                self._begin(next(iter(self._waiting)))


def await_compiled(console: Console, program: Future[training.Step]) -> training.Step:
    """Wait until a program is compiled and return it, or raise what went wrong."""
    if not wait([program], PATIENCE).done:
        say(console, "compiling the training step")
    return program.result()
