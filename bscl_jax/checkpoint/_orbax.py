"""The one file that knows Orbax: named host arrays to and from a folder.

Orbax does the storage format, which its own tools read too. What it does not do (checksums, choice
of what to keep, replacing a step) is in the files beside this one. The leaves are host arrays
that one process writes, so none of Orbax's barriers between processes is needed.
"""

from collections.abc import Collection
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp


def write_arrays(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays to a new folder, nested by the parts of their names between slashes."""
    _checkpointer().save(folder, args=ocp.args.PyTreeSave(_nest(arrays)))


def read_arrays(folder: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read the named arrays, and no others, as host arrays of the type that was written."""
    tree = _nest(dict.fromkeys(names, 0))
    as_host_array = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
    args = ocp.args.PyTreeRestore(item=tree, restore_args=as_host_array, partial_restore=True)
    restored = _checkpointer().restore(folder, args=args)
    return {name: _find(restored, name) for name in names}


def _checkpointer() -> ocp.Checkpointer:
    this = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=this, active_processes={this}, barrier_sync_key_prefix=f"process_{this}"
    )
    # Weights compress by 8 % only, and take three times the processor time when compressed.
    handler = ocp.PyTreeCheckpointHandler(use_compression=False, multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _nest(named: dict) -> dict:
    """Return {"a": {"b": x}} for {"a/b": x}."""
    tree: dict = {}
    for name, leaf in named.items():
        *parents, last = name.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = leaf
    return tree


def _find(tree: dict, name: str) -> np.ndarray:
    for part in name.split("/"):
        tree = tree[part]
    return np.asarray(tree)
