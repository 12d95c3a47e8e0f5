"""The safetensors files of a folder, one or several, as one table of tensors.

The headers are checked before any data is read, and nothing is unpickled, ever.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from bscl_jax.encoders._json import read_json, shown

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_LARGEST_HEADER = 2 << 20  # bytes; some 20,000 tensors, where encoders have hundreds
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.safetensors")


class Tensors(NamedTuple):
    """Tensors by name, read when they are asked for.

    Attributes:
        path: the file that lists them, for messages.
        files: tensor name to the open file that holds it.
    """

    path: Path
    files: Mapping[str, Any]

    def describe(self, name: str) -> tuple[tuple[int, ...], str]:
        """Shape and type of a tensor, from the header."""
        view = self.files[name].get_slice(name)
        return tuple(view.get_shape()), view.get_dtype()

    def read(self, name: str) -> np.ndarray:
        """Read a tensor of any floating type as float32; what is beyond it becomes infinite."""
        with np.errstate(over="ignore"):
            return self.files[name].get_tensor(name).astype(np.float32)


@contextmanager
def open_tensors(folder: Path) -> Iterator[Tensors]:
    """Open the weights of a folder: ``model.safetensors``, else the parts that its index lists.

    Args:
        folder: where the files lie.

    Yields:
        The tensors, to be read within the block.

    Raises:
        FileNotFoundError: when there are no such files, or a part is missing.
        ValueError: for a file that is no whole safetensors file, a header of more than 2 MiB, an
            index that names anything but files beside it, and parts that do not hold just what it
            says.
    """
    single, index = folder / WEIGHTS_FILE, folder / INDEX_FILE
    with ExitStack() as stack:
        if single.is_file():
            file = stack.enter_context(_open(single))
            yield Tensors(single, dict.fromkeys(file.keys(), file))
        elif index.is_file():
            yield Tensors(index, _open_parts(index, stack))
        else:
            raise FileNotFoundError(_message_without_weights(folder))


def _open(path: Path) -> Any:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if _LARGEST_HEADER < length <= size:
        raise ValueError(
            f"{path} has a header of {length:,} bytes, at most {_LARGEST_HEADER:,} are read; it is "
            "no encoder"
        )
    try:
        return safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}); copy or download it again"
        ) from error


def _open_parts(index: Path, stack: ExitStack) -> dict[str, Any]:
    files: dict[str, Any] = {}
    for part, names in _read_index(index).items():
        path = index.with_name(part)
        if not path.is_file():
            raise FileNotFoundError(f"{index} names {part}, but {path} does not exist")
        file = stack.enter_context(_open(path))
        if wrong := names.symmetric_difference(file.keys()):
            raise ValueError(
                f"{path} does not hold just the tensors that {index.name} says; they differ in "
                f"{', '.join(sorted(map(shown, wrong))[:12])}"
            )
        files |= dict.fromkeys(names, file)
    return files


def _read_index(path: Path) -> dict[str, set[str]]:
    """File name of each part to the names of its tensors."""
    places = read_json(path).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{path} must have a weight_map from tensor names to file names")
    parts: dict[str, set[str]] = {}
    for name, part in places.items():
        if not isinstance(part, str) or not _PART.fullmatch(part):
            raise ValueError(f"{path} names {shown(part)}, which is no safetensors file beside it")
        parts.setdefault(part, set()).add(name)
    return parts


def _message_without_weights(folder: Path) -> str:
    others = sorted(
        path.name
        for path in folder.glob("*")
        if path.suffix in {".bin", ".h5", ".msgpack"}
        and path.stem.startswith(("pytorch_model", "tf_model", "flax_model"))
    )
    found = f" (found {', '.join(others)})" if others else ""
    return (
        f"{folder} has no {WEIGHTS_FILE}{found}; weights are read from safetensors only, never "
        "from pickles: convert them with save_pretrained(folder) of the library that made them"
    )
