"""Training steps compiled while something else goes on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
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

    Yields:
        ``epoch -> step`` as it is given, but each step waits until what it needs is compiled. At
        the end of the block no further program is begun.
    """
    with ThreadPoolExecutor(1, "compile") as thread:
        compiled = {(each.epoch, each.shapes): thread.submit(each.compile) for each in programs}
        firsts = sorted({first for first, _ in compiled}, reverse=True)
        said = not programs

        def step_when_ready(epoch: int) -> training.Step:
            step, since = step_of(epoch), next((each for each in firsts if each <= epoch), epoch)

            def take(state: training.State, batch: PairBatch, key: Any) -> Any:
                nonlocal said
                program = compiled.get((since, assemble.shapes_of(batch)))
                ready = step if program is None else await_compiled(console, program)
                if not said and all(each.done() for each in compiled.values()):
                    said, plural = True, "s" * (len(compiled) > 1)
                    say(console, f"compiled {len(compiled)} shape{plural} of the training step")
                return ready(state, batch, key)

            return take

        try:
            yield step_when_ready
        finally:
            for each in compiled.values():
                each.cancel()


def await_compiled(console: Console, program: Future[training.Step]) -> training.Step:
    """Wait until a program is compiled and return it, or raise what went wrong."""
    if not wait([program], PATIENCE).done:
        say(console, "compiling the training step")
    return program.result()
