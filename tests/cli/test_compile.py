"""Steps that wait for what is compiled in another thread."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bscl_jax import assemble
from bscl_jax.cli._compile import compiling
from bscl_jax.types import PairBatch, TokenBatch


def make_batch(length: int) -> PairBatch:
    tokens = TokenBatch(np.zeros((2, length), np.int32), np.ones((2, length), bool))
    return PairBatch(tokens, tokens, *np.ones((4, 2), np.float32))


def program(epoch: int, length: int, begin: Callable[[], object]) -> assemble.Program:
    def compile_step() -> Any:
        begin()
        return lambda state, batch, key: ("compiled", epoch, batch.queries.ids.shape[1])

    return assemble.Program(epoch, assemble.shapes_of(make_batch(length)), compile_step)


def step_of(epoch: int) -> Any:
    return lambda state, batch, key: ("not", epoch, batch.queries.ids.shape[1])


@pytest.fixture
def console() -> Console:
    return Console(record=True)


def take(step: Any, epoch: int, length: int) -> Any:
    return step(epoch)(None, make_batch(length), None)


def test_a_step_waits_for_its_own_shape_and_for_no_later_one(console):
    gate, order = threading.Event(), []
    programs = [
        program(1, 4, lambda: order.append("4")),
        program(1, 8, lambda: (gate.wait(), order.append("8"))),
    ]
    with compiling(console, step_of, programs) as step:
        assert take(step, 1, 4) == ("compiled", 1, 4)
        assert order == ["4"]
        threading.Timer(0.05, gate.set).start()
        assert take(step, 1, 8) == ("compiled", 1, 8)
        assert order == ["4", "8"]
        assert "compiled 2 shapes of the training step" in console.export_text()
        take(step, 1, 8)
        assert "compiled" not in console.export_text()


def test_the_first_step_runs_alone_and_what_a_step_needs_comes_next(console):
    begun, go_on, order = threading.Event(), threading.Event(), []
    programs = [
        program(1, 4, lambda: (begun.set(), go_on.wait(), order.append(4))),
        program(1, 8, lambda: order.append(8)),
        program(1, 16, lambda: order.append(16)),
    ]
    with compiling(console, step_of, programs) as step:
        begun.wait()
        threading.Timer(0.05, go_on.set).start()
        take(step, 1, 4)
        time.sleep(0.05)  # in which a thread that was not held would have begun the next
        assert order == [4]
        take(step, 1, 16)
        take(step, 1, 8)
        assert order == [4, 16, 8]
        assert "compiled 3 shapes" in console.export_text()


def test_an_epoch_waits_for_the_step_that_it_takes(console):
    order: list[int] = []
    programs = [program(first, 4, lambda first=first: order.append(first)) for first in (1, 3, 5)]
    with compiling(console, step_of, programs) as step:
        assert take(step, 4, 4) == ("compiled", 3, 4)
        assert order[:2] == [1, 3]


def test_a_batch_of_another_shape_is_not_waited_for(console):
    gate = threading.Event()
    with compiling(console, step_of, [program(1, 4, gate.wait)]) as step:
        assert take(step, 1, 6) == ("not", 1, 6)
        gate.set()


def test_without_programs_nothing_is_waited_for_or_said(console):
    with compiling(console, step_of, []) as step:
        assert take(step, 1, 4) == ("not", 1, 4)
    assert console.export_text() == ""


def test_what_goes_wrong_is_raised_where_it_is_needed(console):
    def fail() -> None:
        raise MemoryError("too large")

    with (
        pytest.raises(MemoryError, match="too large"),
        compiling(console, step_of, [program(1, 4, fail)]) as step,
    ):
        take(step, 1, 4)


def test_a_run_that_ends_begins_no_further_program(console):
    begun, gate, order = threading.Event(), threading.Event(), []
    programs = [
        program(1, 4, lambda: (begun.set(), gate.wait())),
        program(1, 8, lambda: order.append("8")),
    ]

    def leave() -> None:
        with compiling(console, step_of, programs):
            begun.wait()
            threading.Timer(0.05, gate.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert order == []
