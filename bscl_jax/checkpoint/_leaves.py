"""A tree as named arrays, and back."""

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def name_leaves(tree: Any) -> dict[str, Any]:
    """Return the leaves by key path: ``{"params/encoder/bias": …}``.

    Dictionary keys, field names and positions are all parts of a path, so a NamedTuple, which other
    formats turn into a list, has readable names.

    Raises:
        TypeError: for a leaf that is no array.
        ValueError: for keys that make no such path, and for a tree without leaves.
    """
    named = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        parts = [_part(key) for key in path]
        name = "/".join(parts)
        if not all(parts) or any("/" in part for part in parts) or name in named:
            raise ValueError(
                "keys of a tree must be unique, not empty and without '/', "
                f"got {jax.tree_util.keystr(path)}; rename the key"
            )
        if not hasattr(leaf, "dtype"):
            raise TypeError(
                f"leaves of a checkpoint must be arrays, got {type(leaf).__name__} at {name}; "
                "put plain values into facts"
            )
        named[name] = leaf
    if not named:
        raise ValueError(f"a checkpoint needs at least one array, got {tree!r}")
    return named


def snapshot(tree: Any) -> dict[str, Any]:
    """Return named copies of the leaves that no later change or donation of the tree can touch.

    Copies of device arrays are made on the device, in turn with its other work, so this does not
    wait for them.

    Raises:
        TypeError: for a leaf that is no array, and for typed random keys.
        ValueError: for keys that make no path, an empty array, and one split over processes.
    """
    named = {name: _one_copy_of(name, leaf) for name, leaf in name_leaves(tree).items()}
    on_device = {name: leaf for name, leaf in named.items() if isinstance(leaf, jax.Array)}
    # One call for all: a call for each array takes three times the time of a large model's.
    return named | jax.device_put(on_device, may_alias=False)


def to_host(named: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays as NumPy arrays; waits until they are computed."""
    return {name: np.asarray(leaf) for name, leaf in named.items()}


def describe(name: str, array: np.ndarray) -> dict[str, Any]:
    """Return shape, type and a CRC-32 of an array.

    The checksum spans the name, shape and type too: equal bytes under another name differ.
    """
    shape, dtype = list(array.shape), str(array.dtype)
    head = zlib.crc32(f"{name} {shape} {dtype}".encode())
    octets = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return {"shape": shape, "dtype": dtype, "crc32": zlib.crc32(octets.data, head)}


def compare(target: dict[str, Any], stored: dict[str, dict], *, partial: bool) -> list[str]:
    """Return in words how a target differs from the descriptions of what is stored."""
    differences = [f"{name} is not in the checkpoint" for name in target if name not in stored]
    if not partial:
        differences += [f"{name} is not in the target" for name in stored if name not in target]
    for name in target.keys() & stored.keys():
        wanted = f"{target[name].dtype}{list(np.shape(target[name]))}"
        held = f"{stored[name]['dtype']}{stored[name]['shape']}"
        if wanted != held:
            differences.append(f"{name} is {held} in the checkpoint, {wanted} in the target")
    return sorted(differences)


def fill(target: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return the target with its leaves replaced, on the device where it names a sharding."""
    named = name_leaves(target)
    leaves = [_place(arrays[name], getattr(leaf, "sharding", None)) for name, leaf in named.items()]
    return jax.tree.unflatten(jax.tree.structure(target), leaves)


def _part(key: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _one_copy_of(name: str, leaf: Any) -> Any:
    """Return what one device holds of an array, whole; of a NumPy array, a copy."""
    if leaf.size == 0:
        raise ValueError(f"an array without elements cannot be saved, got {name}; leave it out")
    if not isinstance(leaf, jax.Array):
        return np.array(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        raise TypeError(
            f"typed random keys cannot be saved, got one at {name}; "
            "save jax.random.key_data(key) and restore with jax.random.wrap_key_data"
        )
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    if not leaf.is_fully_addressable:
        raise ValueError(
            f"arrays must be whole on every process, got {name} split over processes; "
            "replicate it before saving"
        )
    return leaf


def _place(array: np.ndarray, sharding: Any) -> Any:
    if sharding is None:
        return array
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
