"""Who waits for the first training step."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bscl_jax.cli import _first_step
from bscl_jax.cli._first_step import FirstStep


@pytest.mark.parametrize("event", ["step", "skip"])
def test_it_is_over_when_the_record_of_a_step_is_logged(event):
    log: list[dict] = []
    first_step = FirstStep()
    write = first_step.watch(log.append)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lambda: first_step.wait() or [*log])
        write({"event": "evaluation"})
        time.sleep(0.05)
        assert not waiting.done()
        write({"event": event})
        assert waiting.result() == [{"event": "evaluation"}, {"event": event}]


def test_it_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(_first_step, "LONGEST", 0.01)
    FirstStep().wait()
