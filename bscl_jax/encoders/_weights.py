"""Weights in and out of safetensors, by a table that says what every tensor is.

Nothing is guessed: each tensor of the file is used once or named as ignored, each parameter comes
from one tensor, and shapes are compared with the config from the file's header, before any data is
read. Pickled weights are never opened.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

from bscl_jax.encoders._family import Family, Leaf
from bscl_jax.encoders._json import shown
from bscl_jax.encoders._tensors import Tensors, open_tensors
from bscl_jax.types import Params

_FLOATS = ("F64", "F32", "F16", "BF16")
_NAMES_SHOWN = 12
_NUMBERS_OF_LAYERS = ("num_hidden_layers", "n_layers")
_LEAST_PER_LAYER = 4  # tensors of a transformer layer, in any family


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


def check_layers(folder: Path, facts: Mapping[str, Any]) -> None:
    """Compare the config's number of layers with the weights, before anything lists them.

    Raises:
        FileNotFoundError: when there are no weights.
        ValueError: when the file has too few tensors for so many layers, or is damaged.
    """
    with open_tensors(folder) as tensors:
        count = len(tensors.files)
    given = [facts.get(name) for name in _NUMBERS_OF_LAYERS]
    num_layers = max((number for number in given if isinstance(number, int)), default=0)
    if num_layers > count // _LEAST_PER_LAYER:
        raise ValueError(
            f"{folder / 'config.json'} says that there are {shown(num_layers)} layers, but the "
            f"{count} tensors of {tensors.path.name} are too few for them; the files do not belong "
            "together"
        )


def read_weights(folder: Path, family: Family, table: Mapping[str, Leaf]) -> Weights:
    """Read the weights of a transformer; arguments, result and errors as ``read_tensors``.

    Args:
        folder: where the files lie.
        family: how names are spelt and which tensors may be ignored.
        table: canonical tensor name to parameter, complete.
    """
    return read_tensors(
        folder,
        table,
        owner=f"a {family.model_type} model",
        canonical_name=family.canonical_name,
        ignored_reason=family.ignored_reason,
        carried=family.carried,
    )


def read_tensors(
    folder: Path,
    table: Mapping[str, Leaf],
    *,
    owner: str,
    canonical_name: Callable[[str], str] = str,
    ignored_reason: Callable[[str], str | None] = lambda name: None,
    carried: tuple[str, ...] = (),
) -> Weights:
    """Read the safetensors of a folder, one file or several, into parameters.

    Args:
        folder: where the files lie.
        table: canonical tensor name to parameter, complete.
        owner: what the tensors should be those of, for the message.
        canonical_name: brings a name to the table's spelling.
        ignored_reason: why a tensor that the table lacks is left aside, or None.
        carried: starts of the names of ignored tensors that ``save`` writes back.

    Returns:
        The weights, in float32 whatever floating type the file has.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that is no whole safetensors file, for missing, surplus, doubly
            named or wrongly shaped tensors, all in one message, and for values that are no finite
            numbers.
    """
    with open_tensors(folder) as tensors:
        names = _name_once(tensors, canonical_name)
        ignored = {name: ignored_reason(name) for name in names if name not in table}
        kept = [name for name in ignored if name.startswith(carried)]
        _check(tensors, names, table, ignored, kept, owner)
        params = _read(tensors, names, table)
        others = {name: tensors.read(names[name]) for name in kept}
    return Weights(params, others, {name: why or "" for name, why in ignored.items()})


def write_weights(
    params: Params,
    tables: Mapping[Path, Mapping[str, Leaf]],
    carried: Mapping[str, np.ndarray],
) -> None:
    """Write parameters under the names that they were read from (in the tables' spelling).

    Args:
        params: parameters of the tables' structure; sharded arrays are gathered.
        tables: file to write → canonical tensor name to parameter; together complete.
        carried: further tensors to write into the first file as they are.

    Raises:
        ValueError: when ``params`` lacks a parameter of the tables, has one more, or one has
            another shape, all in one message. Nothing is written then.
    """
    leaves = {
        tuple(str(getattr(key, "key", key)) for key in keys): leaf
        for keys, leaf in jax.tree_util.tree_flatten_with_path(params)[0]
    }
    wanted = {leaf.path for table in tables.values() for leaf in table.values()}
    mistakes = [*_listed("missing", _dotted(wanted - leaves.keys()))]
    mistakes += _listed("surplus", _dotted(leaves.keys() - wanted))
    files: dict[Path, dict[str, np.ndarray]] = {}
    if not mistakes:
        host = {path: np.asarray(leaf, np.float32) for path, leaf in leaves.items()}
        wrong = []
        for file, table in tables.items():
            files[file] = {name: _tensor(host[leaf.path], leaf) for name, leaf in table.items()}
            wrong += [
                f"{'.'.join(leaf.path)} as {name} {files[file][name].shape}, must be {leaf.shape}"
                for name, leaf in table.items()
                if files[file][name].shape != leaf.shape
            ]
        mistakes = _listed("wrong shape", wrong)
    if mistakes:
        raise ValueError(
            "the parameters do not fit the encoder, pass what encoders.load returned with it (or "
            "its trained successor): " + "; ".join(mistakes)
        )
    for position, (file, tensors) in enumerate(files.items()):
        further = carried if position == 0 else {}
        save_file({**further, **tensors}, file, metadata={"format": "pt"})


def _name_once(tensors: Tensors, canonical_name: Callable[[str], str]) -> dict[str, str]:
    """Canonical name to the name in the file; raises ValueError for two that are the same."""
    names: dict[str, str] = {}
    twice = []
    for raw in tensors.files:
        name = canonical_name(raw)
        if name in names:
            twice.append(f"{names[name]} and {raw}")
        names[name] = raw
    if twice:
        raise ValueError(f"{tensors.path}: {_listed('named twice', twice)[0]}")
    return names


def _check(
    tensors: Tensors,
    names: Mapping[str, str],
    table: Mapping[str, Leaf],
    ignored: Mapping[str, str | None],
    kept: list[str],
    owner: str,
) -> None:
    """Compare names, shapes and types of the header with the table; of those kept the types."""
    wrong = []
    for name in [*table, *kept]:
        if name in names:
            shape, kind = tensors.describe(names[name])
            if name in table and shape != table[name].shape:
                wrong.append(f"{name} {shape}, the config says {table[name].shape}")
            elif kind not in _FLOATS:
                wrong.append(f"{name} has type {kind}, must be one of {', '.join(_FLOATS)}")
    mistakes = [
        *_listed("missing", [name for name in table if name not in names]),
        *_listed("surplus", [names[name] for name, why in ignored.items() if why is None]),
        *_listed("wrong shape or type", wrong),
    ]
    if mistakes:
        raise ValueError(
            f"the tensors of {tensors.path} are not those of {owner} of this config.json: "
            + "; ".join(mistakes)
        )


def _read(tensors: Tensors, names: Mapping[str, str], table: Mapping[str, Leaf]) -> Params:
    """Read every parameter and bring it to its place; layers of a stack are joined in order."""
    stacks: dict[tuple[str, ...], dict[int, str]] = {}
    for name, leaf in table.items():
        stacks.setdefault(leaf.path, {})[leaf.layer or 0] = name
    params: dict[str, Any] = {}
    for path, layers in stacks.items():
        arrays = []
        for number in range(len(layers)):
            array = tensors.read(names[layers[number]])
            if not np.isfinite(array).all():
                raise ValueError(
                    f"{tensors.path}: {layers[number]} holds values that are not finite numbers in "
                    "float32; the weights are damaged"
                )
            arrays.append(array.T if table[layers[number]].transpose else array)
        stacked = table[layers[0]].layer is not None
        branch = params
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = jnp.array(np.stack(arrays) if stacked else arrays[0])
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
    some = ", ".join(name if len(name) < 200 else shown(name) for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return [f"{what}: {some}{more}"]
