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
    if search == "faiss" and len(points.single):
        return make_index_search(points, count)
    if search == "mesh" and len(points.single):
        lists = make_mesh_search(points, count)
    else:
        rounded = Rounded(points) if pays(points, count) else None
        lists = partial(nearest, points, count=count, rounded=rounded)
    distinct = np.array_equal(points.firsts, np.arange(len(points.firsts)))
    return lists if distinct or _may_underflow(points) else _once_a_kind(points, lists, count)


def _once_a_kind(points: Points, lists: Lists, count: int) -> Lists:
    """Make the same lists from one search for all equal points, as a collapsed model has them.

    Equal points are as far from any other. So the list of one is that of the first of them with
    itself taken out, or whoever is last where it is not in it, and put before all.
    """

    def search(rows: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, "m k"]:
        kinds, places = np.unique(points.firsts[rows], return_inverse=True)
        found = lists(kinds)[places]
        own = found == rows[:, None]
        own[~own.any(axis=1), -1] = True
        return np.column_stack([rows, found[~own].reshape(len(rows), count - 1)])

    return search


def _may_underflow(points: Points) -> bool:
    """Return whether points that are not equal may be at distance 0, ranked among the equal.

    Two floats of four bytes are at least 2⁻¹⁴⁹ apart, of which float64 holds the square.
    """
    return points.values.dtype.itemsize > 4


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
