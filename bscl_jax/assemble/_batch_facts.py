"""What the batches of an order hold, measured before any of them is trained on."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from bscl_jax import config as configs
from bscl_jax import data, evaluation, metrics
from bscl_jax.assemble._batches import Extras, options_of_extras
from bscl_jax.assemble._towers import Embeds
from bscl_jax.types import Pairs, Params

BatchFacts = Callable[[Params, np.ndarray, int], dict[str, int | float | None]]

DIGITS = 6
"""What is beyond is rounding of the embeddings."""


class Looks(NamedTuple):
    """The functions from texts to their unit vectors.

    Attributes:
        queries: of the queries.
        targets: of targets and extra candidates.
    """

    queries: evaluation.Vectors
    targets: evaluation.Vectors


class Batch(NamedTuple):
    """A batch whose similarities are measured, without rows that only fill it up.

    Attributes:
        queries: the queries of its positive pairs.
        own: the place of the own target of each of these among the targets.
        targets: the targets of all its pairs.
        known: True where a target is a known positive of one of the queries, its own among them.
        extras: its extra candidates.
    """

    queries: Sequence[str]
    own: np.ndarray
    targets: Sequence[str]
    known: np.ndarray
    extras: Sequence[str]


def make_batch_facts(
    section: configs.Training,
    pairs: Pairs,
    store: data.PairTokens,
    embeds: Embeds,
    mesh: Mesh,
    *,
    threshold: float,
    begun: Extras | None = None,
) -> BatchFacts:
    """Make ``batch_facts(params, order, most)``: what the batches of an order hold, by name.

    ``batches`` is their number. ``distinct_queries``, ``duplicates`` and ``known_positives`` are
    those of ``metrics.batch_texts``, of all batches. ``similarity`` and ``hard`` are those of
    ``metrics.batch_negatives``, in cosines of embeddings by ``params``, of ``sampled_batches``
    batches that stand evenly in the order, ``most`` at most. Negatives are what the query of a
    positive pair has to tell from its target: targets of the batch that are no known positives of
    it. Where there are extra candidates, ``extras`` is the mean number of them in these batches,
    ``extra_similarity`` and ``extra_hard`` are the same of them. None has no value.

    Args:
        section: the batches of the run.
        pairs: the training pairs.
        store: the same, tokenized.
        embeds: ``(params, texts) -> embeddings`` of either side.
        mesh: of the run; its size bears on the number of extra candidates.
        threshold: a pair with a score above it is positive.
        begun: the extra candidates with which a run has begun that goes on.
    """
    cut = make_cut(section, pairs, store, mesh, threshold, begun)

    def batch_facts(params: Params, order: np.ndarray, most: int) -> dict[str, int | float | None]:
        count = data.num_batches(len(order), section.batch_size)
        all_rows = (rows_of(order, k, section.batch_size) for k in range(count))
        batches = [cut(order, k) for k in spread(count, most)]
        look = look_up(embeds, params, batches)
        facts = {
            "batches": count,
            **metrics.batch_texts(texts_of(store, rows) for rows in all_rows),
            "sampled_batches": len(batches),
            **metrics.batch_negatives(among_targets(batch, look) for batch in batches),
        }
        if store.negatives is not None:
            of_extras = metrics.batch_negatives(among_extras(batch, look) for batch in batches)
            facts["extras"] = float(np.mean([len(batch.extras) for batch in batches]))
            facts |= {f"extra_{name}": value for name, value in of_extras.items()}
        return {name: settled(value) for name, value in facts.items()}

    return batch_facts


def make_cut(
    section: configs.Training,
    pairs: Pairs,
    store: data.PairTokens,
    mesh: Mesh,
    threshold: float,
    begun: Extras | None,
) -> Callable[[np.ndarray, int], Batch]:
    """Make ``cut(order, k)``, batch k of an order as texts."""
    options = options_of_extras(section, store.negatives, mesh, begun)

    def extras(order: np.ndarray, k: int) -> list[str]:
        if store.negatives is None:
            return []
        chosen = data.choose_extras(
            store.negatives,
            order,
            k,
            batch_size=section.batch_size,
            num_extras=options["num_extras"],
            multiple=options["extra_multiple"],
        )
        return pick(store.negatives.texts, chosen)

    def cut(order: np.ndarray, k: int) -> Batch:
        rows = rows_of(order, k, section.batch_size)
        own = np.flatnonzero(store.scores[rows] > threshold)
        return Batch(
            queries=pick(pairs.queries, rows[own]),
            own=own,
            targets=pick(pairs.targets, rows),
            known=texts_of(store, rows).known[own],
            extras=extras(order, k),
        )

    return cut


def rows_of(order: np.ndarray, k: int, batch_size: int) -> np.ndarray:
    """Return the rows of batch k, without those that fill up the last one."""
    return order[k * batch_size :][:batch_size]


def pick(texts: Sequence[str], places: np.ndarray) -> list[str]:
    """Return the texts in some places."""
    return [texts[int(place)] for place in places]


def spread(count: int, most: int) -> list[int]:
    """Choose at most so many of 0 … count − 1, each the middle of an equal part."""
    parts = min(count, most)
    return [(2 * part + 1) * count // (2 * parts) for part in range(parts)]


def texts_of(store: data.PairTokens, rows: np.ndarray) -> metrics.BatchTexts:
    """Return which texts of a batch are equal or belong together."""
    target_ids = store.target_ids[rows]
    known = data.known_couples(store.positives, rows, target_ids)
    return metrics.BatchTexts(store.query_ids[rows], target_ids, known)


def look_up(embeds: Embeds, params: Params, batches: Sequence[Batch]) -> Looks:
    """Embed each distinct text of batches; return the functions to their unit vectors."""
    queries = [text for batch in batches for text in batch.queries]
    targets = [text for batch in batches for text in (*batch.targets, *batch.extras)]
    return Looks(*evaluation.look_up(embeds.at(params), queries, targets))


def among_targets(batch: Batch, look: Looks) -> metrics.BatchSimilarities:
    """Compare the queries with the targets of their batch."""
    own, of_targets, _ = compare(batch, look)
    return metrics.BatchSimilarities(own, of_targets, ~batch.known)


def among_extras(batch: Batch, look: Looks) -> metrics.BatchSimilarities:
    """Compare the queries with the extra candidates of their batch, all of them negatives."""
    own, _, of_extras = compare(batch, look)
    return metrics.BatchSimilarities(own, of_extras, np.ones(of_extras.shape, bool))


def compare(batch: Batch, look: Looks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cosines of the queries: with their own targets, with all targets, with the extras.

    All are of one product, in which equal texts tie.
    """
    cosines = evaluation.make_cosines(look.targets([*batch.targets, *batch.extras]))
    found = cosines(look.queries(batch.queries))
    of_targets, of_extras = np.split(found, [len(batch.targets)], axis=1)
    return of_targets[np.arange(len(found)), batch.own], of_targets, of_extras


def settled(value: int | float) -> int | float | None:
    """Return a value as it is written: rounded, None for one that is not defined."""
    if isinstance(value, int):
        return value
    return round(value, DIGITS) if math.isfinite(value) else None
