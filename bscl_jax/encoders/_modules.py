"""``modules.json``: which modules of sentence-transformers follow each other, and where they lie.

A class is a name here, compared with a table and never imported; a path never leaves the folder.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bscl_jax.encoders._json import parse_json, shown, write_json

MODULES_FILE = "modules.json"

CLASSES = "sentence_transformers.models."  # every version of the library resolves these names
_MOST = 64
_LONGEST_PATH = 200


class Module(NamedTuple):
    """One module of the chain.

    Attributes:
        name: name of its class.
        folder: where its files lie.
    """

    name: str
    folder: Path


def read_modules(folder: Path) -> list[Module]:
    """Read the chain of a folder.

    Args:
        folder: the model's folder, which has a ``modules.json``.

    Returns:
        Its modules in order. A class outside sentence-transformers keeps its whole path as name.

    Raises:
        ValueError: for a file of another form, for a path that is not inside the folder, and for
            arguments of a module's call.
    """
    path = folder / MODULES_FILE
    entries = parse_json(path)
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries[:_MOST]):
        raise ValueError(f"{path} must be a JSON list of modules with type and path")
    if len(entries) > _MOST:
        raise ValueError(f"{path} lists {len(entries)} modules, at most {_MOST} are read")
    modules = []
    for entry in entries:
        if entry.get("kwargs"):
            raise ValueError(
                f"{path} gives {shown(entry['type'])} arguments at every call "
                f"({shown(entry['kwargs'])}), which is not supported"
            )
        modules.append(Module(_class_name(entry["type"]), folder / _inside(path, entry["path"])))
    return modules


def write_modules(folder: Path, names: Sequence[str]) -> list[Path]:
    """Write the chain of a model whose transformer lies in the folder itself.

    Args:
        folder: the model's folder.
        names: classes in order, the transformer first.

    Returns:
        The folder of each module; those after the first have been made.
    """
    paths = ["", *(f"{position}_{name}" for position, name in enumerate(names[1:], start=1))]
    entries = [
        {"idx": position, "name": str(position), "path": path, "type": CLASSES + name}
        for position, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    write_json(folder / MODULES_FILE, entries)
    for path in paths[1:]:
        (folder / path).mkdir()
    return [folder / path for path in paths]


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key), str) for key in ("type", "path")
    )


def _class_name(path: str) -> str:
    package, _, rest = path.partition(".")
    return rest.rpartition(".")[2] if package == "sentence_transformers" else path


def _inside(path: Path, given: str) -> PurePosixPath:
    place = PurePosixPath(given)
    leaves = place.is_absolute() or ".." in place.parts or set(given) & {*"\\:"}
    if leaves or not given.isprintable() or len(given) > _LONGEST_PATH:
        raise ValueError(f"{path} names {shown(given)}, which is no folder inside the model's own")
    return place
