"""Weights in and out of safetensors, by a table that says what every tensor is.

Nothing is guessed: each tensor of the file is used once or named as ignored, each parameter comes
from one tensor, and shapes are compared with the config from the file's header, before any data is
read. Pickled weights are never opened.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bscl_jax.encoders._family import Family, Leaf
from bscl_jax.types import Params

WEIGHTS_FILE = "model.safetensors"

_FLOATS = ("F64", "F32", "F16", "BF16")
_NAMES_SHOWN = 12


class Weights(NamedTuple):
    """What a weight file held.

    Attributes:
        params: nested dict of float32 arrays.
        carried: tensors that the encoder does not use and that ``save`` writes back.
        ignored: canonical name of each tensor that is no parameter, with the reason.
    """

    params: Params
    carried: dict[str, np.ndarray]
    ignored: dict[str, str]


def read_weights(folder: Path, family: Family, table: Mapping[str, Leaf]) -> Weights:
    """Read ``model.safetensors`` of a folder into parameters.

    Args:
        folder: where the file lies.
        family: how names are spelt and which tensors may be ignored.
        table: canonical tensor name to parameter, complete.

    Returns:
        The weights, in float32 whatever floating type the file has.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that is no whole safetensors file, and for missing, surplus, doubly
            named or wrongly shaped tensors, all in one message.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise FileNotFoundError(_message_without_weights(folder))
    with _open(path) as file:
        raw_names, ignored = _match(path, file, family, table)
        arrays = {name: _read(file, raw_names[name]) for name in table}
        carried = {
            name: _read(file, raw_names[name])
            for name in ignored
            if name.startswith(family.carried)
        }
    return Weights(_nest(arrays, table), carried, ignored)


def write_weights(
    path: Path, params: Params, table: Mapping[str, Leaf], carried: Mapping[str, np.ndarray]
) -> None:
    """Write parameters under the names that they were read from (in the table's spelling).

    Args:
        path: the file to write.
        params: parameters of the table's structure; sharded arrays are gathered.
        table: canonical tensor name to parameter, complete.
        carried: further tensors to write as they are.

    Raises:
        ValueError: when ``params`` lacks a parameter of the table, has one more, or one has
            another shape, all in one message.
    """
    leaves = {
        tuple(str(getattr(key, "key", key)) for key in keys): leaf
        for keys, leaf in jax.tree_util.tree_flatten_with_path(params)[0]
    }
    wanted = {leaf.path for leaf in table.values()}
    mistakes = [*_listed("missing", _dotted(wanted - leaves.keys()))]
    mistakes += _listed("surplus", _dotted(leaves.keys() - wanted))
    tensors = dict(carried)
    if not mistakes:
        host = {path: np.asarray(leaf, np.float32) for path, leaf in leaves.items()}
        tensors |= {name: _tensor(host[leaf.path], leaf) for name, leaf in table.items()}
        mistakes = _listed(
            "wrong shape",
            [
                f"{name} {tensors[name].shape}, must be {leaf.shape}"
                for name, leaf in table.items()
                if tensors[name].shape != leaf.shape
            ],
        )
    if mistakes:
        raise ValueError(
            "the parameters do not fit the encoder, pass what encoders.load returned with it (or "
            "its trained successor): " + "; ".join(mistakes)
        )
    save_file(tensors, path, metadata={"format": "pt"})


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}); copy or download it again"
        ) from error


def _match(
    path: Path, file: Any, family: Family, table: Mapping[str, Leaf]
) -> tuple[dict[str, str], dict[str, str]]:
    """Compare names, shapes and types of the header with the table."""
    raw_names: dict[str, str] = {}
    twice = []
    for raw in file.keys():  # noqa: SIM118 (the file is no dict)
        name = family.canonical_name(raw)
        if name in raw_names:
            twice.append(f"{raw_names[name]} and {raw}")
        raw_names[name] = raw
    reasons = {name: family.ignored_reason(name) for name in raw_names if name not in table}
    wrong = []
    for name, leaf in table.items():
        if name in raw_names:
            view = file.get_slice(raw_names[name])
            shape, kind = tuple(view.get_shape()), view.get_dtype()
            if shape != leaf.shape:
                wrong.append(f"{name} {shape}, the config says {leaf.shape}")
            elif kind not in _FLOATS:
                wrong.append(f"{name} has type {kind}, must be one of {', '.join(_FLOATS)}")
    mistakes = [
        *_listed("missing", [name for name in table if name not in raw_names]),
        *_listed("surplus", [raw_names[name] for name, why in reasons.items() if why is None]),
        *_listed("named twice", twice),
        *_listed("wrong shape or type", wrong),
    ]
    if mistakes:
        raise ValueError(
            f"the tensors of {path} are not those of a {family.model_type} model of this "
            "config.json: " + "; ".join(mistakes)
        )
    return raw_names, {name: why for name, why in reasons.items() if why is not None}


def _read(file: Any, raw_name: str) -> np.ndarray:
    return file.get_tensor(raw_name).astype(np.float32)


def _nest(arrays: Mapping[str, np.ndarray], table: Mapping[str, Leaf]) -> Params:
    """Bring tensors to their places; layers of a stack are joined in order."""
    stacks: dict[tuple[str, ...], dict[int | None, np.ndarray]] = {}
    for name, leaf in table.items():
        array = arrays[name].T if leaf.transpose else arrays[name]
        stacks.setdefault(leaf.path, {})[leaf.layer] = array
    params: dict[str, Any] = {}
    for path, layers in stacks.items():
        array = (
            layers[None] if None in layers else np.stack([layers[i] for i in range(len(layers))])
        )
        branch = params
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = jnp.array(array)
    return params


def _tensor(array: np.ndarray, leaf: Leaf) -> np.ndarray:
    if leaf.layer is not None:
        array = array[leaf.layer]
    return np.ascontiguousarray(array.T if leaf.transpose else array)


def _dotted(paths: set[tuple[str, ...]]) -> list[str]:
    return sorted(".".join(path) for path in paths)


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return [f"{what}: {shown}{more}"]


def _message_without_weights(folder: Path) -> str:
    others = sorted(
        path.name
        for path in folder.glob("*")
        if path.suffix in {".bin", ".h5", ".msgpack", ".json"}
        and path.stem.startswith(("pytorch_model", "tf_model", "flax_model", "model.safetensors"))
    )
    found = f" (found {', '.join(others)})" if others else ""
    return (
        f"{folder} has no {WEIGHTS_FILE}{found}; weights are read from one safetensors file only, "
        "never from pickles or parts: convert them with transformers' "
        "save_pretrained(folder, max_shard_size='100GB')"
    )
