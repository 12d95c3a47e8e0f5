"""The known tasks: one file each, one entry each."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from bscl_jax.data._overlap import check_apart
from bscl_jax.data.tasks import (
    _antique,
    _cqa_a,
    _cqa_b,
    _hub,
    _library_desk,
    _lists,
    _mrpc,
    _pairs,
    _pfcc_s,
    _qqp,
    _retrieval,
    _stsb,
)
from bscl_jax.types import Task

TASKS: dict[str, Callable[..., Task]] = {
    "library_desk": _library_desk.load,
    "pairs": _pairs.load,
    "lists": _lists.load,
    "retrieval": _retrieval.load,
    "hub": _hub.load,
    "stsb": _stsb.load,
    "mrpc": _mrpc.load,
    "qqp": _qqp.load,
    "pfcc_s": _pfcc_s.load,
    "cqa_a": _cqa_a.load,
    "cqa_b": _cqa_b.load,
    "antique": _antique.load,
}
"""The loader of each kind of task; its keywords are the task's options."""


def load_task(kind: str, **options: Any) -> Task:
    """Load a task's texts, checked, and split into training, dev and test.

    Args:
        kind: a key of ``TASKS``: ``"library_desk"`` (the embedded corpus, no options),
            ``"pairs"``, ``"lists"``, ``"retrieval"`` (files of your own), ``"hub"`` (a data set on
            the Hugging Face hub, or a folder that ``datasets`` reads) or a task of the paper
            (files in the folder ``path``; ``docs/tasks.md``).
        **options: the options of that kind. Those of ``"pairs"``: ``train``, ``dev`` and,
            optionally, ``test`` (paths), ``columns`` (the names in the files of ``query``,
            ``target`` and, if there is one, ``label``), ``label_range`` (lowest and highest
            label, brought to 0 and 1), ``on_error``. ``"lists"`` (documents graded for a query)
            also has ``threshold`` (a label above it is positive), ``"retrieval"`` that, ``corpus``
            (a path) and ``depths`` (the k of HasPositive@k). ``"hub"`` has, instead of paths,
            ``path`` (a folder or a name), ``splits`` (split expressions by part), ``name`` (a
            configuration), ``revision`` and ``form`` (``"pairs"``, ``"lists"`` or
            ``"retrieval"``). ``docs/data.md`` has them all.

    Returns:
        The task.

    Raises:
        ValueError: if the kind is unknown or an option has a wrong value.
        TypeError: if an option is unknown or missing.
        DataError: if a file or data set cannot be used, or dev and test hold the same pairs.
        FileNotFoundError: if a data set is not there or the hub cannot be reached.

    Example:
        >>> from bscl_jax.data import load_task
        >>> try:
        ...     load_task("riddles")
        ... except ValueError as error:
        ...     print(str(error).partition(";")[0])
        unknown task 'riddles'
    """
    if kind not in TASKS:
        raise ValueError(f"unknown task {kind!r}; known are {', '.join(TASKS)}")
    load = TASKS[kind]
    try:
        signature(load).bind(**options)
    except TypeError as error:
        known = ", ".join(signature(load).parameters) or "none"
        raise TypeError(f"task {kind!r}: {error}; its options are {known}") from None
    task = load(**options)
    check_apart(task)
    return task
