"""Runs that several processes on this machine share."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from tests.conftest import REPOSITORY
from tests.end_to_end import tiny


class Ended(NamedTuple):
    """How a process has ended, and what it has said."""

    status: int
    said: str


def train(
    config: Path,
    folder: Path,
    *overrides: str,
    processes: int = 2,
    resume: bool = False,
    signals: Mapping[int, tuple[int, int]] | None = None,
    only: Mapping[int, Sequence[str]] | None = None,
    seconds: float = 180,
) -> list[Ended]:
    """Train as several processes, each with one device, and wait for those that are not stopped.

    Args:
        config: the run.
        folder: its folder.
        overrides: of all processes.
        processes: how many.
        resume: go on.
        signals: by process, the signal that it sends itself and after which step.
        only: by process, further arguments.
        seconds: after so many, all are killed.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | {
        "XLA_FLAGS": "",
        "JAX_NUM_CPU_DEVICES": "1",
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    running, outs = [], []
    for rank in range(processes):
        number, step = (signals or {}).get(rank, (0, 0))
        command = [sys.executable, "-m", "tests.end_to_end.one_of_several", str(number), str(step)]
        command += tiny.arguments(config, folder, *overrides, resume=resume)
        command += ["--coordinator", coordinator, "--num-processes", str(processes)]
        command += ["--process-id", str(rank), *(only or {}).get(rank, ())]
        outs.append(folder.parent / f"{folder.name}-{rank}.out")
        with outs[-1].open("wb") as out:
            running.append(
                subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=out, stderr=out)
            )
    until = time.monotonic() + seconds
    try:
        for rank, process in enumerate(running):
            if (signals or {}).get(rank, (0, 0))[0] != signal.SIGSTOP:
                process.wait(until - time.monotonic())
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [
        Ended(each.returncode, out.read_text()) for each, out in zip(running, outs, strict=True)
    ]
