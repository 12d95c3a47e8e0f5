"""From host arrays to arrays on the mesh."""

from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bscl_jax.parallel._mesh import AXIS, is_one_cpu

Tree = TypeVar("Tree")


def place(batch: Tree, mesh: Mesh) -> Tree:
    """Put a host batch on the mesh, its rows split over the devices in order.

    Returns at once: the copies run while the host goes on.

    Args:
        batch: a tree of NumPy arrays that all have the same number of rows, b. With several
            processes each passes the same whole batch and keeps only its own rows, so that
            what depends on all rows (the padded length above all) is the same everywhere.
        mesh: from ``make_mesh``.

    Returns:
        The same tree of ``jax.Array``, each split over its first axis.

    Raises:
        ValueError: if b is not a multiple of the number of devices, or rows differ.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import parallel
        >>> mesh = parallel.make_mesh(1)
        >>> parallel.place({"scores": np.ones(4, np.float32)}, mesh)["scores"].shape
        (4,)
    """
    _check_rows(batch, mesh)
    rows = NamedSharding(mesh, PartitionSpec(AXIS))
    return jax.tree.map(lambda leaf: _put(leaf, rows), batch)


def feed(batch: Tree, mesh: Mesh) -> Tree:
    """Make a host batch ready for a program under ``jit``: ``place`` it, unless that gains nothing.

    A CPU that is one device reads NumPy arrays where they are. To place them takes Python .1 ms an
    array on a core that no program has just used, and several times as long beside one that runs.

    Args:
        batch: as ``place`` takes it; not to be overwritten, as the program may still read it.
        mesh: from ``make_mesh``.

    Returns:
        The batch on the mesh; on a CPU that is one device the batch itself.

    Raises:
        ValueError: as ``place``.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import parallel
        >>> parallel.feed({"scores": np.ones(4, np.float32)}, parallel.make_mesh(1))["scores"].shape
        (4,)
    """
    if not is_one_cpu(mesh):
        return place(batch, mesh)
    _check_rows(batch, mesh)
    return batch


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Put a whole copy of a tree on every device of the mesh.

    The result never shares memory with what came in, so it may be donated (overwritten) by a
    step while the caller keeps his own.

    Args:
        tree: a tree of arrays, on the host or on devices of this process. With several processes
            each passes the same values.
        mesh: from ``make_mesh``.

    Returns:
        The same tree of ``jax.Array``, each replicated.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import parallel
        >>> mesh = parallel.make_mesh(1)
        >>> parallel.replicate({"bias": np.zeros(3)}, mesh)["bias"].is_fully_replicated
        True
    """
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda leaf: _put(leaf, everywhere), tree)


def to_local(tree: Tree) -> Tree:
    """Return the copy of a replicated tree that the first device of this process holds.

    What is computed of it needs no other process.

    Args:
        tree: a tree of ``jax.Array``, each whole on every device.

    Returns:
        The same tree, each array on one device; nothing is copied.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import parallel
        >>> tree = parallel.replicate({"bias": np.zeros(3)}, parallel.make_mesh())
        >>> len(parallel.to_local(tree)["bias"].devices())
        1
    """
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def _put(leaf: Any, sharding: NamedSharding) -> jax.Array:
    """Place a copy of one array; the branch for several processes takes this one's rows of it."""
    if jax.process_count() > 1:
        whole = np.array(leaf)
        return jax.make_array_from_process_local_data(sharding, whole, whole.shape)
    if not isinstance(leaf, jax.Array):
        leaf = np.array(leaf)  # on CPU, device_put shares NumPy's memory even with may_alias=False
    return jax.device_put(leaf, sharding, may_alias=False)


def _check_rows(batch: Any, mesh: Mesh) -> None:
    rows = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)}
    if len(rows) > 1 or () in rows:
        shapes = {
            jax.tree_util.keystr(path): np.shape(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(batch)
        }
        raise ValueError(
            f"every array of a batch must have the same number of rows, got {shapes}; "
            "use replicate() for what has none"
        )
    count = mesh.shape[AXIS]
    for (size,) in rows:
        if size % count:
            near = sorted({size // count * count, -(-size // count) * count} - {0})
            raise ValueError(
                f"the batch size must be a multiple of the number of devices, got {size} rows for "
                f"{count} devices; take a batch size of {' or '.join(map(str, near))}, "
                "or fewer devices"
            )
