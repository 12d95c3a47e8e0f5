"""Splits as ``datasets`` loads them, or one error that says why there are none."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bscl_jax.data._errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

HUB_NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
TIMEOUT = 10.0
"""Seconds that the hub has to answer; without an answer only its cache is looked at."""


def load_splits(
    path: str | PathLike[str],
    splits: Sequence[str],
    *,
    name: str | None = None,
    revision: str | None = None,
) -> list["Dataset"]:
    """Load splits of a folder of data files or a data set on the hub, without running its code.

    Args:
        path: a folder; else a name on the hub, ``owner/name``.
        splits: k split expressions.
        name: the configuration, where the data set has several.
        revision: commit, tag or branch on the hub.

    Returns:
        k data sets.

    Raises:
        FileNotFoundError: if there is no such folder and no such name, or the hub cannot be
            reached and its cache has not got it.
        ValueError: if a folder is given a revision.
        DataError: if it cannot be read, or has no such configuration or split.
    """
    from datasets import config, load_dataset

    offline = config.HF_HUB_OFFLINE
    found = _find_folder(path, revision)
    if not found:
        offline = offline or not _is_reachable(str(path), revision)
    with _quiet(offline=offline) as logged:
        try:
            loaded = load_dataset(found or str(path), name, revision=revision, split=list(splits))
        except Exception as error:  # each format and each layer of the network has its own types
            raise _failure(str(path), error, logged) from error
    loaded = cast("list[Dataset]", loaded)
    if offline and revision is not None:
        _check_commit(str(path), revision, loaded)
    return loaded


def _check_commit(name: str, revision: str, loaded: Sequence["Dataset"]) -> None:
    """Refuse a cached copy of another commit: without the hub ``datasets`` takes the latest."""
    commits = {Path(file["filename"]).parent.name for each in loaded for file in each.cache_files}
    if commits != {revision}:
        cached = ", ".join(sorted(commits)) or "none that can be told"
        raise FileNotFoundError(
            f"{name}: the hub cannot be reached, and the commit in its cache is {cached}, not "
            f"revision {revision!r}; connect to the network, or give the commit in the cache"
        )


def _find_folder(path: str | PathLike[str], revision: str | None) -> str:
    """Return the absolute path of a folder, or "" for what can be a name on the hub."""
    if Path(path).is_dir():
        if revision is not None:
            raise ValueError(f"{path} is a folder and has no revision {revision!r}; leave it out")
        return str(Path(path).resolve())
    if Path(path).exists():
        raise DataError(
            f"{path}: this is a file; give its folder, or load the file as data of kind pairs"
        )
    if not HUB_NAME.fullmatch(str(path)):
        raise FileNotFoundError(
            f"{path}: no such folder, and names on the hub are OWNER/NAME; check the path "
            "(relative paths start at the working directory)"
        )
    return ""


def _is_reachable(name: str, revision: str | None) -> bool:
    """Ask the hub once: ``datasets`` itself would ask six times, with pauses between."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().dataset_info(name, revision=revision, timeout=TIMEOUT)
    except RevisionNotFoundError:
        raise FileNotFoundError(
            f"{name}: the hub has no revision {revision!r} of it; give a commit, tag or branch "
            "that it has"
        ) from None
    except RepositoryNotFoundError:
        raise FileNotFoundError(
            f"{name}: no such folder and no such data set on the hub, or not for you; check the "
            "name, or log in (hf auth login) if it is private or gated"
        ) from None
    except (
        Exception
    ):  # the HTTP client, and with it the type, differs between versions of the hub's
        return False
    return True


@contextmanager
def _quiet(*, offline: bool) -> Iterator[list[str]]:
    """Keep progress bars away and collect the errors that ``datasets`` logs, which name the file.

    Its warnings still show, among them that a cached copy is used.
    """
    from datasets import config
    from datasets.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    errors: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        return record.levelno < logging.ERROR

    was_offline, had_bars = config.HF_HUB_OFFLINE, not are_progress_bars_disabled()
    handlers = list(logging.getLogger("datasets").handlers)
    config.HF_HUB_OFFLINE = offline
    if had_bars:
        disable_progress_bars()
    for handler in handlers:
        handler.addFilter(keep)
    try:
        yield errors
    finally:
        config.HF_HUB_OFFLINE = was_offline
        if had_bars:
            enable_progress_bars()
        for handler in handlers:
            handler.removeFilter(keep)


def _failure(path: str, error: Exception, logged: Sequence[str]) -> Exception:
    """Make one line of what ``datasets`` raised and logged."""
    fault = logged[0] if logged else str(error.__cause__ or error) or type(error).__name__
    fault = " ".join(fault.split()).rstrip(".!")
    if isinstance(error, ConnectionError):
        return FileNotFoundError(
            f"{path}: no such folder, not in the cache of the hub, and the hub cannot be reached "
            f"({fault}); check the path, connect to the network, or unset HF_HUB_OFFLINE"
        )
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(
            f"{path}: no data files that can be read ({fault}); check the path, and that Parquet, "
            "CSV or JSON lines files are there"
        )
    if isinstance(error, RuntimeError):
        remedy = "no code of a data set is run, so give one that consists of data files"
    elif type(error) is ValueError:
        remedy = "give a folder of data files, a configuration (name) and splits that are there"
    else:
        remedy = "correct or remove the file at fault"
    return DataError(f"{path}: {fault}; {remedy}")
