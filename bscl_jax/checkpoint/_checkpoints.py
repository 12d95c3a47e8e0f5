"""The checkpoints of a run: saved in the background, verified, the right ones kept."""

import contextlib
import json
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import jax

from bscl_jax.checkpoint._folder import (
    DamagedError,
    Record,
    SaveError,
    find_damage,
    read_checked,
    read_record,
    write,
)
from bscl_jax.checkpoint._leaves import compare, fill, name_leaves, snapshot, to_host
from bscl_jax.checkpoint._shelf import (
    discard_folder,
    find_folder,
    finish_folder,
    list_steps,
    remove_folder,
    start_folder,
)

Tree = TypeVar("Tree")


class Checkpoints:
    """The checkpoints below one folder.

    A checkpoint is a tree of arrays, facts in JSON and, for some, a score. It is written into a
    folder aside, flushed to the disk, read back and compared by checksum, and only then given its
    name; only after that is an older one removed. So at every moment, a kill or a full disk
    included, the newest complete one is whole. Kept are the newest ``keep_latest`` and the one
    with the highest score (of equal scores the earliest). A damaged one is never removed: it
    stays until its step is saved again.

    Where several processes run, process 0 alone writes, since every array must be whole on
    each; all read, from a folder that all see.

    Args:
        directory: the folder; made at the first save.
        keep_latest: newest checkpoints to keep, at least 1. With 1 there is nothing to fall back
            on when the newest is damaged on the disk later.
        before: called in the background before each checkpoint is written: what its facts count on
            that lies elsewhere, such as the lines of a log, can be forced onto the disk there, so
            that a power cut leaves no checkpoint without it. If it raises an OSError, that is a
            SaveError and there is no checkpoint.

    Raises:
        ValueError: if keep_latest < 1.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from bscl_jax import checkpoint
        >>> tree = {"params": {"bias": np.arange(3.0)}, "order": np.arange(2**40, 2**40 + 2)}
        >>> with checkpoint.Checkpoints(tempfile.mkdtemp()) as checkpoints:
        ...     checkpoints.save(10, tree, {"epoch": 1}, score=0.5)
        ...     restored, facts = checkpoints.restore(tree)
        >>> restored["order"].dtype, facts
        (dtype('int64'), {'epoch': 1})
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        keep_latest: int = 2,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        if keep_latest < 1:
            raise ValueError(f"keep_latest must be at least 1, got {keep_latest}; 2 is the default")
        self._shelf = Path(directory).absolute()
        self._keep_latest, self._before = keep_latest, before
        self._damaged: set[int] = set()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._running: Future[None] | None = None

    def save(
        self,
        step: int,
        tree: Any,
        facts: dict[str, Any] | None = None,
        score: float | None = None,
    ) -> None:
        """Save a checkpoint in the background; the tree may change or be donated afterwards.

        Returns once device copies of the arrays are under way: transfer, checksums and writing
        go on in a thread. If the save before is still running it waits for that. A step that was
        saved already is replaced: the former one stays until the new one is in place.

        Args:
            step: training steps done, from 0; not before the newest checkpoint there is.
            tree: nested dicts, tuples and NamedTuples of ``jax.Array`` and NumPy arrays. NumPy
                arrays keep their type, 64-bit ones too.
            facts: what else belongs to it, in JSON; finite numbers only.
            score: see the class; higher is better.

        Raises:
            TypeError: if a leaf is no array, or a fact no JSON.
            ValueError: if a newer step exists, or a number in facts or the score is not finite.
            SaveError, DamagedError: what went wrong in the save before this one.
        """
        self.wait()
        steps = self.steps()
        later = [other for other in steps if other > step and other not in self._damaged]
        if step < 0 or later:
            raise ValueError(
                f"step must be at least {max(steps, default=0)}, the newest in {self._shelf}, got "
                f"{step}; continue from the newest, or save into another folder"
            )
        facts = _to_json({"facts": facts or {}, "score": score})
        if jax.process_index() == 0:
            arguments = step, snapshot(tree), facts["score"], facts["facts"]
            self._running = self._writer.submit(self._write, *arguments)

    def restore(
        self, target: Tree, step: int | None = None, *, partial: bool = False
    ) -> tuple[Tree, dict[str, Any]]:
        """Return the newest whole checkpoint, or that of a step.

        Args:
            target: a tree of the same structure. A leaf that has a sharding (a ``jax.Array`` or a
                ``jax.ShapeDtypeStruct`` with one) is restored to it, on whatever number of
                devices; any other is restored as a NumPy array.
            step: the one to restore; None takes the newest, and where that is damaged warns and
                takes the one before.
            partial: read only what the target has, the parameters for instance; otherwise a leaf
                that the target lacks is an error.

        Returns:
            The tree like target, and the facts that were saved with it.

        Raises:
            FileNotFoundError: if there is no checkpoint, or none of this step.
            DamagedError: if this step's, or every one, is damaged.
            ValueError: if the target's leaves, shapes or types are not those of the checkpoint.
        """
        self.wait()
        steps = self.steps()
        if step is not None and step not in steps:
            raise FileNotFoundError(
                f"no checkpoint of step {step} in {self._shelf}, there are {steps or 'none'}; "
                "leave the step out to restore the newest"
            )
        if step is not None:
            return self._read(step, target, partial)
        return self._first_whole(steps[::-1], target, partial)

    def restore_best(self, target: Tree, *, partial: bool = False) -> tuple[Tree, dict[str, Any]]:
        """Return the checkpoint with the highest score; ``restore`` explains the rest.

        Where the best is damaged it warns and takes the next best that was kept; where its very
        score cannot be read it warns and ranks the others.

        Raises:
            FileNotFoundError: if no checkpoint has a score.
            DamagedError: if every one is damaged.
            ValueError: if the target does not fit.
        """
        self.wait()
        records = self._records()
        unreadable = [step for step in self.steps() if step not in records]
        return self._first_whole([*unreadable, *_by_score(records)], target, partial)

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints there are, oldest first."""
        return list_steps(self._shelf)

    def verify(self, step: int) -> list[str]:
        """Return what is wrong with a checkpoint, in words; an empty list if it is whole."""
        self.wait()
        return find_damage(find_folder(self._shelf, step))

    def check(self) -> None:
        """Raise what went wrong in the background, without waiting; cheap enough for each step."""
        if self._running is not None and self._running.done():
            self.wait()

    def wait(self) -> None:
        """Wait until the running save is complete; raise what went wrong in it, once."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def close(self) -> None:
        """Wait for the running save and end the thread."""
        try:
            self.wait()
        finally:
            self._writer.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, step: int, named: dict[str, Any], score: float | None, facts: dict) -> None:
        try:
            self._before()
            self._put(step, to_host(named), score, facts)
        except OSError as error:
            raise SaveError(
                f"checkpoint of step {step} in {self._shelf} could not be saved ({error}); the "
                "checkpoints before it are untouched; make room, or mend the disk"
            ) from error

    def _put(self, step: int, arrays: dict[str, Any], score: float | None, facts: dict) -> None:
        folder = start_folder(self._shelf, step)
        try:
            write(folder, arrays, step, score, facts)
        except BaseException:
            discard_folder(self._shelf, step)
            raise
        finish_folder(self._shelf, step)
        self._damaged.discard(step)
        records = {s: it for s, it in self._records().items() if s not in self._damaged}
        whole = sorted(records)
        for other in set(whole) - {*whole[-self._keep_latest :], *_by_score(records)[:1]}:
            remove_folder(self._shelf, other)

    def _records(self) -> dict[int, Record]:
        """Return the facts files that can be read."""
        records = {}
        for step in self.steps():
            with contextlib.suppress(DamagedError):
                records[step] = read_record(find_folder(self._shelf, step))
        return records

    def _read(self, step: int, target: Tree, partial: bool) -> tuple[Tree, dict[str, Any]]:
        folder, named = find_folder(self._shelf, step), name_leaves(target)
        try:
            record = read_record(folder)
            differences = compare(named, record.leaves, partial=partial)
            if not differences:
                arrays = read_checked(folder, record, list(named))
                return fill(target, arrays), record.facts
        except DamagedError as error:
            self._damaged.add(step)
            raise DamagedError(f"checkpoint {folder} is damaged: {error}") from error
        raise ValueError(
            f"checkpoint {folder} does not fit the target: {'; '.join(differences)}; "
            "restore with the settings of the run that saved it"
        )

    def _first_whole(
        self, steps: list[int], target: Tree, partial: bool
    ) -> tuple[Tree, dict[str, Any]]:
        for step in steps:
            try:
                return self._read(step, target, partial)
            except DamagedError as error:
                warnings.warn(str(error), stacklevel=3)
        if steps:
            raise DamagedError(
                f"every checkpoint in {self._shelf} is damaged (steps {steps}); restore the folder "
                "from a backup, or remove it to start anew"
            )
        raise FileNotFoundError(
            f"no checkpoint in {self._shelf} that could be restored; "
            "start the run without resuming, or check the path"
        )


def _by_score(records: dict[int, Record]) -> list[int]:
    """Return the steps with a score, best first, of equal ones the earliest first."""
    scored = [(-it.score, step) for step, it in records.items() if it.score is not None]
    return [step for _, step in sorted(scored)]


def _to_json(facts: dict[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(facts, allow_nan=False))
    except TypeError as error:
        raise TypeError(f"facts and score must be JSON, got {facts}: {error}") from error
    except ValueError as error:
        raise ValueError(
            f"facts and score must be finite numbers, got {facts}; use None for what is not defined"
        ) from error
