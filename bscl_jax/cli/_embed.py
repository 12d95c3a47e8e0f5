"""``bscl-jax embed``: the texts of a file to vectors in another, in bounded memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from bscl_jax import data, evaluation, training
from bscl_jax.cli._embed_facts import (
    WHOLE_NUMBERS,
    Wanted,
    begin,
    check_same,
    cut_chunks,
    describe,
    encode,
    survey,
)
from bscl_jax.cli._folder import RunError
from bscl_jax.cli._say import PatientConsole, say
from bscl_jax.cli._vector_file import VectorFile
from bscl_jax.sentence_encoder import SentenceEncoder


def embed(wanted: Wanted, *, resume: bool, overwrite: bool) -> int:
    """Embed the texts of a file.

    Args:
        wanted: what is embedded, and how.
        resume: go on behind the last whole chunk, if the file has been begun.
        overwrite: start anew, and replace what is there once the new file is whole.

    Returns:
        The exit status: 0, or 75 (SIGTERM) or 130 (SIGINT) with whole chunks written.

    Raises:
        RunError: what the user can put right.
    """
    file = VectorFile(Path(wanted.output))
    try:
        with training.signals() as stop:
            check(wanted)
            file.check_may_start(resume=resume, overwrite=overwrite)
            model, facts = prepare(wanted, file, resume=resume)
            facts = write(wanted, model, file, facts, stop)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    if facts["rows"] == facts["total"]:
        return 0
    done = f"{facts['rows']} of {facts['total']} texts"
    if not stop():
        raise RunError(f"{wanted.input} has changed after {done}; start anew with --overwrite")
    say(
        PatientConsole(stderr=True), f"stopped after {done}; the same command with --resume goes on"
    )
    return stop.exit_code


def check(wanted: Wanted) -> None:
    """Refuse arguments that cannot be right, before anything is read.

    Raises:
        RunError: with what to do instead.
    """
    evaluation.check_dtype(wanted.dtype)
    if Path(wanted.input).resolve() == Path(wanted.output).resolve():
        raise RunError(f"--output {wanted.output} is the input; name another file")
    if wanted.ranges is not None and wanted.dtype not in WHOLE_NUMBERS:
        raise RunError(f"--ranges belongs to int8 and uint8, --dtype was {wanted.dtype}")


def prepare(
    wanted: Wanted, file: VectorFile, *, resume: bool
) -> tuple[SentenceEncoder, dict[str, Any]]:
    """Look through all texts, load the model, and begin the file or find how far it has come.

    Raises:
        RunError: there are no texts, or the file was begun with other settings.
    """
    total, digest = survey(data.read_texts(wanted.input, wanted.column))
    if total == 0:
        raise RunError(f"{wanted.input}: the file has no texts")
    model = SentenceEncoder.load(wanted.model, max_length=wanted.max_length, devices=wanted.devices)
    settings = describe(wanted, model, digest)
    facts = file.read() if resume else None
    if facts is None:
        facts = begin(wanted, model, settings, total)
        file.start(facts)
    check_same(file.path, facts["settings"], settings)
    return model, facts


def write(
    wanted: Wanted,
    model: SentenceEncoder,
    file: VectorFile,
    facts: dict[str, Any],
    stop: Callable[[], bool],
) -> dict[str, Any]:
    """Embed what is not yet embedded, finish the file and say how it went; return its facts."""
    ranges = None if facts["ranges"] is None else np.asarray(facts["ranges"], np.float32)
    before, total, start = facts["rows"], facts["total"], time.perf_counter()
    texts = islice(data.read_texts(wanted.input, wanted.column), before, total)
    with show_progress(total=total, done=before) as advance:
        for chunk in cut_chunks(texts, wanted.chunk_size):
            facts = file.append(facts, encode(wanted, model, chunk, wanted.dtype, ranges))
            advance(len(chunk))
            if stop():
                break
    if facts["rows"] < total:
        return facts
    file.finish(facts, row_group=wanted.chunk_size)
    rate = (total - before) / (time.perf_counter() - start)
    speed = f"{rate:.0f} texts/s" if before < total else "finished before"
    say(
        PatientConsole(highlight=False),
        f"embedded {total} texts, {facts['dimension']} features, {speed}: {file.path}",
    )
    return facts


@contextmanager
def show_progress(*, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how many texts are done: a bar, or where there is no terminal lines."""
    console = PatientConsole(stderr=True, highlight=False)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("embed", total=total, completed=done)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            bar.advance(task, count)
            if not console.is_terminal:
                say(console, f"{done} of {total} texts")

        yield advance
