"""Batches of the training pairs, with the extra candidates that the data have."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from bscl_jax import config as configs
from bscl_jax import data, parallel
from bscl_jax.types import PairBatch, TokenBatch

PAIRS_AHEAD = 256
"""Pairs of the batches that are made in a row on a CPU. What one takes of Python is no longer in
the caches of a core after a step: the first costs several times what those behind it do.
"""


class Extras(NamedTuple):
    """How many extra candidates a batch has, which a run keeps on whatever devices it goes on.

    Attributes:
        number: so many, where the data have them.
        multiple: else half as many, a quarter, …, each rounded down to a multiple of this.
    """

    number: int
    multiple: int


class Batches(NamedTuple):
    """The batches of a run.

    Attributes:
        batch: ``(order, k) -> PairBatch``, ready for a step (``parallel.feed``).
        shapes: of packed batches; none where they are padded.
        ahead: how many are made in a row, while a step runs.
    """

    batch: Callable[[np.ndarray, int], PairBatch]
    shapes: tuple[data.Shape, ...]
    ahead: int

    def like(self, batch: PairBatch) -> list[PairBatch]:
        """Return what a batch looks like in all of the shapes, which a step can be compiled for.

        The first shape, which holds any batch, is the last that is needed.
        """
        if batch.packed is None:
            return []
        looks = jax.tree.map(as_shape, batch)
        shapes = (*self.shapes[1:], *self.shapes[:1])
        return [looks._replace(packed=_in_shape(looks.packed, shape)) for shape in shapes]


def make_batches(
    section: configs.Training,
    store: data.PairTokens,
    pad_id: int | tuple[int, int],
    mesh: Mesh,
    *,
    most_tokens: int = 512,
    together: bool = True,
    triplets: bool = False,
    begun: Extras | None = None,
) -> Batches:
    """Make the batches, packed or padded to a few shapes that the data choose.

    Of triplets, the extra candidates are the negatives of the rows. No row of a batch has more
    than ``most_tokens``. Only texts that are encoded ``together`` can be packed. A run that goes on
    has the extra candidates with which it has ``begun``.
    """
    query_lengths, target_lengths = (
        data.choose_lengths(
            side.lengths, max_shapes=section.num_lengths, batch_size=section.batch_size
        )
        for side in (store.queries, store.targets)
    )
    if triplets and store.negatives is not None:
        lengths = data.choose_lengths(
            store.negatives.tokens.lengths,
            max_shapes=section.num_lengths,
            batch_size=section.batch_size,
        )
        extras: dict[str, Any] = {"extras_of": "rows", "extra_lengths": lengths}
    else:
        extras = options_of_extras(section, store.negatives, mesh, begun)
    shapes: tuple[data.Shape, ...] = ()
    if section.packing and together:
        shapes = data.choose_shapes(
            [store.queries.lengths, store.targets.lengths],
            batch_size=section.batch_size,
            extras=store.negatives.tokens.lengths if store.negatives is not None else None,
            num_extras=section.batch_size if triplets else extras.get("num_extras", 0),
            max_shapes=section.num_shapes,
            multiple=parallel.row_multiple(mesh),
            most_tokens=most_tokens,
            pads_to_powers=parallel.pads_to_powers(mesh),
        )

    def batch(order: np.ndarray, k: int) -> PairBatch:
        on_host = data.make_pair_batch(
            store,
            order,
            k,
            batch_size=section.batch_size,
            query_lengths=query_lengths,
            target_lengths=target_lengths,
            pad_id=pad_id,
            shapes=shapes,
            **extras,
        )
        return feed(on_host, mesh)

    ahead = max(1, PAIRS_AHEAD // section.batch_size) if parallel.is_one_cpu(mesh) else 1
    return Batches(batch, shapes, ahead)


def options_of_extras(
    section: configs.Training,
    negatives: data.Negatives | None,
    mesh: Mesh,
    begun: Extras | None = None,
) -> dict[str, Any]:
    """Return how many extra candidates a batch has, and of which padded lengths."""
    extras = count_extras(section, negatives, mesh, begun)
    if negatives is None or extras is None:
        return {}
    lengths = data.choose_lengths(
        negatives.tokens.lengths, max_shapes=section.num_lengths, batch_size=extras.number
    )
    return {
        "num_extras": extras.number,
        "extra_lengths": lengths,
        "extra_multiple": extras.multiple,
    }


def count_extras(
    section: configs.Training,
    negatives: data.Negatives | None,
    mesh: Mesh,
    begun: Extras | None = None,
) -> Extras | None:
    """Return how many extra candidates a batch has: those with which a run has begun, if it has.

    Raises:
        ValueError: the devices cannot share these evenly.
    """
    if negatives is None:
        return None
    if begun is None:
        number = section.num_negatives or data.mean_extras(
            negatives, batch_size=section.batch_size, multiple=mesh.size
        )
        return Extras(number, mesh.size)
    for count in possible_counts(begun, negatives, section.batch_size):
        if count % mesh.size:
            always = " or ".join(map(str, sorted({1, begun.multiple}, reverse=True)))
            raise ValueError(
                f"training.devices: batches of the run that began here may have {count} extra "
                f"candidates, which is no multiple of the {mesh.size} devices; {always} "
                "can share them"
            )
    return begun


def possible_counts(extras: Extras, negatives: data.Negatives, batch_size: int) -> list[int]:
    """Return how many extra candidates batches may have: fewer where others are barred.

    No batch bars more texts than those of its rows that bar the most.
    """
    barred = np.sort(negatives.barred.lengths)[::-1][:batch_size].sum()
    counts = [extras.number]
    while counts[-1] > max(len(negatives.texts) - barred, 0):
        counts.append(counts[-1] // 2 // extras.multiple * extras.multiple)
    return counts


def as_shape(array: Any) -> jax.ShapeDtypeStruct:
    """Return what an array looks like, of NumPy or JAX, to compile for."""
    sharding = getattr(array, "sharding", None)
    kind = jax.typeof(array)
    return jax.ShapeDtypeStruct(
        kind.shape, kind.dtype, sharding=sharding, weak_type=getattr(kind, "weak_type", False)
    )


def _in_shape(packed: TokenBatch, shape: data.Shape) -> TokenBatch:
    tokens, texts = (shape.rows, shape.length), (shape.rows, shape.texts)
    sizes = {"ids": tokens, "mask": tokens, "lengths": texts}
    looks: dict[str, Any] = packed._asdict()
    return TokenBatch(**{name: looks[name].update(shape=size) for name, size in sizes.items()})


def feed(batch: PairBatch, mesh: Mesh) -> PairBatch:
    """``parallel.feed`` a batch, and what has another number of rows alike."""
    rows = parallel.feed(batch._replace(extras=None, extra_ids=None, packed=None), mesh)
    if batch.extras is not None:
        extras, extra_ids = parallel.feed((batch.extras, batch.extra_ids), mesh)
        rows = rows._replace(extras=extras, extra_ids=extra_ids)
    if batch.packed is not None:
        rows = rows._replace(packed=parallel.feed(batch.packed, mesh))
    return rows
