"""Which other row's positive is an anchor's negative."""

from collections.abc import Callable, Hashable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Integer

from bscl_jax.losses._dot import dot
from bscl_jax.losses._gather import gather, positions
from bscl_jax.losses._negatives import (
    Marks,
    excluded,
    marks_of_labelled_pairs,
    marks_of_pairs,
)

Measured = Callable[[Float[Array, "n d"]], Float[Array, "n d"]]


def mine(
    anchors: Float[Array, "b d"],
    positives: Float[Array, "b d"],
    query_ids: Integer[Array, " b *query_words"] | None,
    target_ids: Integer[Array, " b *target_words"] | None,
    positive_ids: Integer[Array, "b p *target_words"] | None,
    labelled_negatives: Bool[Array, " b"] | None,
    *,
    measured: Measured,
    mining: str,
    axis_name: Hashable | None,
) -> tuple[Float[Array, "b d"], Bool[Array, " b"]]:
    """Searches each anchor's negative among the positives of the other rows of all devices.

    Args:
        anchors: this device's anchors.
        positives: this device's positives.
        query_ids: content ids of the anchors, or None.
        target_ids: content ids of the positives, or None.
        positive_ids: content ids of further positives of each anchor, or None.
        labelled_negatives: True where the positive is known to be none, or None.
        measured: what is done to both before their Euclidean distance is that which counts.
        mining: an entry of ``MINING``.
        axis_name: the axis of the devices, or None.

    Returns:
        One negative a row, and whether it is one: False where the ids leave none.
    """
    own = positions(len(anchors), axis_name)
    if labelled_negatives is None:
        pairs = marks_of_pairs(own, query_ids, target_ids, positive_ids)
    else:
        pairs, _ = marks_of_labelled_pairs(
            own, query_ids, target_ids, labelled_negatives, positive_ids
        )
    everyone = gather(positives, axis_name)
    x, y = (lax.stop_gradient(measured(side)) for side in (anchors, everyone))
    # |y|² − 2 x·y is the squared distance less |x|², which is the same for the whole row.
    far = jnp.sum(jnp.square(y), axis=1)[jnp.newaxis] - 2 * dot(x, y.T)
    of_everyone = tuple(gather(mark, axis_name) for mark in pairs.columns)
    left_out = excluded(Marks(pairs.rows, of_everyone))
    candidate = jnp.ones_like(far, bool) if left_out is None else ~left_out
    chosen = MINING[mining](far, candidate, own)
    return everyone[chosen], jnp.any(candidate, axis=1)


def _hard(
    far: Float[Array, "b w"], candidate: Bool[Array, "b w"], own: Int[Array, " b"]
) -> Int[Array, " b"]:
    del own
    return jnp.argmin(jnp.where(candidate, far, jnp.inf), axis=1)


def _semi_hard(
    far: Float[Array, "b w"], candidate: Bool[Array, "b w"], own: Int[Array, " b"]
) -> Int[Array, " b"]:
    beyond = candidate & (far > jnp.take_along_axis(far, own[:, jnp.newaxis], axis=1))
    farthest = jnp.argmax(jnp.where(candidate, far, -jnp.inf), axis=1)
    return jnp.where(jnp.any(beyond, axis=1), _hard(far, beyond, own), farthest)


MINING = {"hard": _hard, "semi-hard": _semi_hard}
