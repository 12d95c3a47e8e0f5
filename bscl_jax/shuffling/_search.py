"""Where neighbors are searched: on the host, on the devices of jax, or in an index of faiss."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int64

from bscl_jax.shuffling._in_index import make_index_search
from bscl_jax.shuffling._nearest import nearest
from bscl_jax.shuffling._on_mesh import make_mesh_search
from bscl_jax.shuffling._points import Points
from bscl_jax.shuffling._rounded import Rounded, pays

Search = Literal["auto", "host", "mesh", "faiss"]
Lists = Callable[[Int64[np.ndarray, " m"]], Int64[np.ndarray, "m k"]]


def make_search(points: Points, count: int, search: Search) -> Lists:
    """Make ``rows -> lists``, the nearest points of each row.

    Args:
        points: all points.
        count: neighbors of each, itself included, 1 ≤ count ≤ n.
        search: as in :func:`check_search`.
    """
    if search == "auto":
        search = "mesh" if _has_accelerator() else "host"
    if search == "host" or not len(points.single):
        rounded = Rounded(points) if pays(points, count) else None
        return partial(nearest, points, count=count, rounded=rounded)
    if search == "mesh":
        return make_mesh_search(points, count)
    return make_index_search(points, count)


def check_search(search: str) -> None:
    """Refuse a way to search that is not known, or not installed.

    ``host`` searches on the processor, ``mesh`` on all devices of jax that this process has;
    ``auto`` takes the mesh where there is an accelerator. The three give the same bytes. ``faiss``
    searches an index, which misses some neighbors.

    Example:
        >>> from bscl_jax import shuffling
        >>> shuffling.check_search("host")
    """
    known = get_args(Search)
    if search not in known:
        raise ValueError(f"search must be one of {', '.join(known)}, got {search!r}")
    if search == "faiss" and find_spec("faiss") is None:
        raise ValueError(
            "search: faiss needs the package faiss-cpu, which is not installed; "
            'pip install "bscl_jax[faiss]", or take host or mesh, which are exact'
        )


def _has_accelerator() -> bool:
    """Return whether jax computes on something else than the host."""
    import jax

    return jax.default_backend() != "cpu"
