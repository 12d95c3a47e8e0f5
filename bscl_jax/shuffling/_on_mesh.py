"""Exact nearest neighbors by the devices of jax: block-wise top-k, ranked again on the host."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from bscl_jax.shuffling._nearest import as_queries, margins, nearest
from bscl_jax.shuffling._points import Points
from bscl_jax.shuffling._ranked import ranked

ROWS_AT_ONCE = 1024
COLUMNS_AT_ONCE = 8192
SPARE = 64


def make_mesh_search(
    points: Points, count: int
) -> Callable[[Int64[np.ndarray, " m"]], Int64[np.ndarray, "m k"]]:
    """Make ``rows -> lists``, the same bytes as :func:`nearest` gives.

    The points are split over all devices of this process. Each walks its own in blocks of
    ``COLUMNS_AT_ONCE``, computes the values of :func:`nearest` in float32 and keeps the ``count`` +
    ``SPARE`` smallest; no matrix of all of them is built. What rounding the devices do is within
    the margins, also where float32 is put together from bfloat16 (``Precision.HIGHEST`` on a TPU),
    so whoever is not above the threshold goes to :func:`ranked` on the host. A row for which a
    device may have had more of these than it could keep is searched again on the host: this
    concerns points with many others at the same place.

    Args:
        points: all points.
        count: neighbors of each, itself included, 1 ≤ count ≤ n.
    """
    rows_at_once = min(ROWS_AT_ONCE, len(points.single))
    closest = _make_closest(points, count + SPARE)

    def search(rows: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, "m k"]:
        found = [np.empty((0, count), np.int64)]
        for start in range(0, len(rows), rows_at_once):
            block = rows[start : start + rows_at_once]
            padded = np.pad(block, (0, rows_at_once - len(block)), mode="edge")
            values, columns = closest(as_queries(points, padded), padded.astype(np.int32))
            found.append(_ranked(points, block, count, values, columns))
        return np.concatenate(found)

    return search


def _ranked(
    points: Points,
    rows: Int64[np.ndarray, " m"],
    count: int,
    values: Float32[np.ndarray, "devices p kept"],
    columns: Int32[np.ndarray, "devices p kept"],
) -> Int64[np.ndarray, "m k"]:
    """Rank what the devices found, and search on the host where they may have missed something."""
    m = len(rows)
    joined = values.swapaxes(0, 1).reshape(values.shape[1], -1)[:m]
    thresholds = np.partition(joined, count - 1, axis=1)[:, count - 1] + margins(points, rows)
    complete = (values[:, :m].max(axis=2) > thresholds).all(axis=0)
    asking = rows[complete]
    found = np.empty((m, count), np.int64)
    within: Bool[np.ndarray, "c all"] = joined[complete] <= thresholds[complete, None]
    joined_columns = columns.swapaxes(0, 1).reshape(columns.shape[1], -1)[:m]
    candidates = joined_columns[complete][within]
    chosen = ranked(points, asking, count, np.nonzero(within)[0], candidates)
    found[complete] = candidates[chosen].reshape(len(asking), count)
    found[~complete] = nearest(points, rows[~complete], count)
    return found


def _make_closest(points: Points, kept: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Put the points onto the devices and return the compiled search of each device's own."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.local_devices()), ("points",))
    split, whole = PartitionSpec("points"), PartitionSpec()
    n = len(points.single)
    share = -(-n // mesh.size)
    width = min(COLUMNS_AT_ONCE, share)
    share = -(-share // width) * width
    padded = np.pad(points.single, ((0, share * mesh.size - n), (0, 0)))
    own = jax.device_put(padded, NamedSharding(mesh, split))
    compiled = jax.jit(
        jax.shard_map(
            partial(_closest_of_device, n=n, width=width, kept=kept),
            mesh=mesh,
            in_specs=(split, whole, whole),
            out_specs=(split, split),
            check_vma=False,
        )
    )
    return lambda queries, asking: jax.device_get(compiled(own, queries, asking))


def _closest_of_device(
    own: Any, queries: Any, asking: Any, *, n: int, width: int, kept: int
) -> Any:
    """Return the ``kept`` smallest values and their points, of a device's own points."""
    import jax
    import jax.numpy as jnp

    first = jax.lax.axis_index("points") * own.shape[0]

    def look(best: Any, block: Any) -> Any:
        start, columns = block
        values = jnp.matmul(queries, columns.T, precision=jax.lax.Precision.HIGHEST)
        indices = start + jnp.arange(width, dtype=jnp.int32)
        values = jnp.where(indices < n, values, jnp.inf)
        values = jnp.where(indices == asking[:, None], -jnp.inf, values)
        indices = jnp.broadcast_to(indices, values.shape)
        joined = jnp.concatenate([best[0], values], axis=1)
        negated, places = jax.lax.top_k(-joined, kept)
        indices = jnp.concatenate([best[1], indices], axis=1)
        return (-negated, jnp.take_along_axis(indices, places, axis=1)), None

    blocks = own.reshape(-1, width, own.shape[1])
    starts = (first + width * jnp.arange(len(blocks))).astype(jnp.int32)
    shape = len(queries), kept
    nobody = jnp.full(shape, jnp.inf, jnp.float32), jnp.full(shape, -1, jnp.int32)
    (values, indices), _ = jax.lax.scan(look, nobody, (starts, blocks))
    return values[None], indices[None]
