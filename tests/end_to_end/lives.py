"""Runs in processes of their own that end at a chosen moment, without starting Python each time.

A server has imported everything and forks; jax starts in the fork. What a fork cannot show, that a
run begins with an import, is for ``tiny.start``.
"""

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

import bscl_jax.cli._train
from bscl_jax import cli, data, evaluation, export, shuffling, training
from tests.checkpoint import faults
from tests.end_to_end import tiny

CALLS: dict[str, tuple[Any, str]] = {
    "reading the config": (bscl_jax.config, "load"),
    "reading the data": (data, "load_task"),
    "ordering": (shuffling, "by_example"),
    "evaluating": (evaluation, "observe"),
    "exporting": (export, "sentence_transformers"),
}
"""Functions by what goes on inside them."""


class Moment(NamedTuple):
    """When something happens to a run.

    Attributes:
        what: a key of ``CALLS``; ``compiling``; ``stepping``; ``writing``, a file operation below
            the run folder, or ``saving``, one below its checkpoints; or ``seconds``.
        number: which call, program, step or operation of the process, from 1; or how many seconds.
    """

    what: str
    number: float = 1


def start(
    config: Path, folder: Path, moment: Moment | None, signals: tuple[int, ...], *overrides: str
) -> Any:
    """Start or resume a run that sends itself signals at a moment; return its process.

    What it says is added to a file beside the run folder, ``.out``; another, ``.moment``, is
    touched at the moment.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = ["train", *tiny.arguments(config, folder, *overrides, resume=True)]
    cache = str(jax.config.jax_compilation_cache_dir)
    process = context.Process(target=_live, args=(arguments, folder, moment, signals, cache))
    process.start()
    return process


def _live(
    arguments: list[str], folder: Path, moment: Moment | None, signals: tuple[int, ...], cache: str
) -> None:
    with folder.with_suffix(".out").open("a") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

    def happen() -> None:
        folder.with_suffix(".moment").touch()
        for number in signals:
            os.kill(os.getpid(), number)

    with contextlib.ExitStack() as stack:
        if moment is not None:
            _arm(stack, folder, moment, happen)
        status = cli.main(arguments)
    sys.exit(status)


def _arm(
    stack: contextlib.ExitStack, folder: Path, moment: Moment, happen: Callable[[], None]
) -> None:
    """Let something happen at a moment."""
    counted = 0

    def count(*_: Any, **__: Any) -> int:
        nonlocal counted
        counted += 1
        if counted == moment.number:
            happen()
        return 0

    match moment.what:
        case "seconds":
            threading.Timer(moment.number, happen).start()
        case "compiling":
            jax.monitoring.register_event_duration_secs_listener(
                lambda event, *_, **__: event.endswith("jaxpr_to_mlir_module_duration") and count()
            )
        case "writing" | "saving":
            below = folder if moment.what == "writing" else folder / "checkpoints"
            stack.enter_context(faults.disk(below)).refuse = count
        case "stepping":
            make_step = training.make_step

            def make(*arguments: Any, **options: Any) -> Callable:
                step: Any = make_step(*arguments, **options)
                counted: Any = lambda *each: (count(), step(*each))[1]  # noqa: E731
                counted.lower = step.lower
                return counted

            training.make_step = make
        case name:
            module, attribute = CALLS[name]
            function = getattr(module, attribute)
            setattr(module, attribute, lambda *a, **k: (count(), function(*a, **k))[1])
