"""The arrays that pass from room to room, and the one table of shape letters.

====== ==========================================================
letter meaning
====== ==========================================================
``b``  pairs in the batch
``e``  extra candidates of the batch (hard negatives)
``d``  features of an embedding
``s``  tokens of a padded text
``n``  pairs in the data
``p``  known positives of a row that other rows of its batch bring
``r``  rows of a packed batch
``k``  texts that a packed row has room for
====== ==========================================================
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

type_of_array = Array | np.ndarray
"""Host batches are NumPy arrays; on the device the same tuples hold JAX arrays."""

Params = Any
"""A plain nested dict of arrays."""

DType = str | type | np.dtype[Any]
"""A type of numbers: its name, ``np.float16``, ``jnp.bfloat16``, ``np.dtype("int8")``."""


def name_dtype(dtype: DType) -> str:
    """Name a type of numbers, however it is given; whether there is such a type is not asked.

    Example:
        >>> import numpy as np
        >>> from bscl_jax.types import name_dtype
        >>> name_dtype("int8"), name_dtype(np.int8), name_dtype(np.dtype("int8"))
        ('int8', 'int8', 'int8')
    """
    return getattr(dtype, "__name__", str(dtype))


class TokenBatch(NamedTuple):
    """Texts as token ids, padded to one length: one a row, or packed, several one after another.

    Attributes:
        ids: token ids, special tokens included; padding is the tokenizer's pad id.
        mask: True on real tokens. A row of one text has at least one (the special tokens).
        lengths: tokens of each text of a packed row, in its order; 0 where there are fewer than k.
            None where every row is one text.
    """

    ids: Int[type_of_array, "b s"]
    mask: Bool[type_of_array, "b s"]
    lengths: Int[type_of_array, "b k"] | None = None


class PairBatch(NamedTuple):
    """One batch of pairs, as the step takes it.

    Attributes:
        queries: first texts.
        targets: second texts; row i of both is a pair.
        scores: grade of each pair in [0, 1]; 1 where the data has no labels.
        weights: 1 for a row that counts, 0 for a row that only fills up the last batch (its
            texts are real and stay in the denominators, its own term is left out).
        query_ids: 32-bit content ids; equal texts have equal ids.
        target_ids: the same for the second texts.
        extras: e further candidates for every query (hard negatives), None where there are none.
            They belong to no row; none is the text of a target or a known positive of a query of
            the batch, and each stands once. In batches of triplets e = b, and they are the
            negatives of the rows.
        extra_ids: the content ids of these.
        positive_ids: for each row the content ids of targets of other queries in the batch that are
            known to belong to its own query; a row with fewer than p repeats its target's id. None
            where the data can have none.
        packed: all texts of the batch, in r rows of k. ``queries``, ``targets`` and ``extras`` are
            then the places of theirs, row · k + number in the row. None where they are texts.
    """

    queries: TokenBatch | Int[type_of_array, " b"]
    targets: TokenBatch | Int[type_of_array, " b"]
    scores: Float[type_of_array, " b"]
    weights: Float[type_of_array, " b"]
    query_ids: Int[type_of_array, " b"]
    target_ids: Int[type_of_array, " b"]
    extras: TokenBatch | Int[type_of_array, " e"] | None = None
    extra_ids: Int[type_of_array, " e"] | None = None
    positive_ids: Int[type_of_array, "b p"] | None = None
    packed: TokenBatch | None = None


class Pairs(NamedTuple):
    """Training pairs as text. Row i of each field belongs together; all have n rows.

    Attributes:
        queries: first texts.
        targets: second texts.
        scores: grade of each pair in [0, 1], or None where every pair is positive.
        negatives: for each pair the texts, any number of them and the hardest first, that are not
            to be mistaken for its target; None where the data has none.
    """

    queries: Sequence[str]
    targets: Sequence[str]
    scores: Sequence[float] | None = None
    negatives: Sequence[Sequence[str]] | None = None


class RetrievalSet(NamedTuple):
    """Queries to be answered from a corpus.

    Attributes:
        queries: the query texts.
        corpus: the candidate texts, every one a candidate for every query.
        relevant: for each query the positions in ``corpus`` that answer it; never empty.
        depths: the k of HasPositive@k that are of interest.
    """

    queries: Sequence[str]
    corpus: Sequence[str]
    relevant: Sequence[Sequence[int]]
    depths: Sequence[int] = (1, 5)


class ScoredPairs(NamedTuple):
    """Pairs with a graded similarity, to be compared with the model's cosine.

    Attributes:
        first: first texts.
        second: second texts.
        scores: the human grades, on any scale.
    """

    first: Sequence[str]
    second: Sequence[str]
    scores: Sequence[float]


class BinaryPairs(NamedTuple):
    """Pairs that are alike or are not, to be told apart by a threshold on the model's cosine.

    Attributes:
        first: first texts.
        second: second texts.
        labels: 1 for a pair that is alike, 0 for one that is not; both occur.
        fit: the pairs on which the threshold is searched (those of dev, for a test set); None
            searches on these pairs themselves, which flatters.
    """

    first: Sequence[str]
    second: Sequence[str]
    labels: Sequence[int]
    fit: "BinaryPairs | None" = None


class RankingSet(NamedTuple):
    """Queries, each with a list of documents of its own to be ranked.

    Attributes:
        queries: the query texts.
        documents: for each query its candidates, at least one; lists may differ in length, and a
            text may stand in several.
        grades: how relevant each candidate is, from 0 (not at all) to 1.
        threshold: a candidate whose grade is above is positive. A query may have none that is.
    """

    queries: Sequence[str]
    documents: Sequence[Sequence[str]]
    grades: Sequence[Sequence[float]]
    threshold: float = 0.5


EvaluationSet = RetrievalSet | ScoredPairs | BinaryPairs | RankingSet
"""What evaluation can score."""


class RejectedRow(NamedTuple):
    """A row of the data that could not be used and was passed over.

    Attributes:
        source: the file, or the data set and its split.
        place: where in it, such as ``"line 7"``.
        problem: what is wrong, and the remedy.
        row: the cells as they were found.
    """

    source: str
    place: str
    problem: str
    row: Sequence[str]


class Task(NamedTuple):
    """A data set, ready to train and to be judged by.

    Attributes:
        train: the training pairs.
        dev: sets by name that choose the best epoch.
        test: sets by name that are scored once, at the end.
        rejected: the rows that were passed over, where that was asked for.
        counts: how many rows each split has, how many of them were passed over, and what else was
            left out on the way, by name; empty where nothing can be.
    """

    train: Pairs
    dev: dict[str, EvaluationSet]
    test: dict[str, EvaluationSet]
    rejected: Sequence[RejectedRow] = ()
    counts: Mapping[str, int] = MappingProxyType({})
