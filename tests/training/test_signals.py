import os
import signal
import subprocess
import sys

import pytest

from bscl_jax import parallel, training


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_is_noted_and_has_an_exit_code(number: signal.Signals, code: int) -> None:
    with training.signals() as stop:
        assert not stop()
        assert stop.exit_code == 0
        os.kill(os.getpid(), number)
        assert stop()
    assert stop.signal == number
    assert stop.exit_code == training.EXIT_CODES[number] == code


def test_handlers_are_as_before_after_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with training.signals():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert signal.set_wakeup_fd(-1) == -1


PROGRAM = """
import hashlib, os, signal
from bscl_jax import training
with training.signals() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop()
    print("first", flush=True)
    # Minutes of C code, in which Python runs no handler.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""


def test_a_second_signal_ends_the_process_at_once_even_inside_compiled_code() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"first\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_signal_to_another_process_stops_this_one_for_good_with_its_exit_status(monkeypatch):
    answers = iter([0, signal.SIGTERM])
    monkeypatch.setattr(parallel, "make_agree", lambda: lambda value: next(answers))
    stop = training.StopTogether(training.Stop())
    assert [stop(), stop(), stop()] == [False, True, True]
    assert stop.exit_code == 75
