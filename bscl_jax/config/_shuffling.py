"""The ``shuffling`` section: which pairs share a batch."""

from typing import Annotated, Literal

from pydantic import Field

from bscl_jax.config._section import Count, Name, section

Side = Literal["queries", "targets"]
Embeddings = Literal["current", "initial", "tfidf"]
GroupOrder = Literal["reversed", "forward", "mixed"]
Search = Literal["auto", "host", "mesh", "faiss"]


@section
class ByExampleShuffling:
    """``shuffling.by_example``, each epoch anew (Algorithm 1).

    Attributes:
        group_size: pairs in a group of neighbors.
        num_neighbors: neighbors searched for each pair, itself included; the reference takes 200.
        reverse: turn the order round, so that the leftovers (easy batches) come first.
        group_order: how the groups stand: ``reversed``, ``forward`` (as they were formed) or
            ``mixed``; None goes by ``reverse``.
        side: whose embeddings make neighbors.
        filter_duplicates: a group holds each text of that side at most once.
        count: a group is full at so many ``rows``, or, as in the reference, distinct ``texts``;
            the latter lets equal texts share a group, so ``filter_duplicates`` must be false.
        distance: of the embeddings brought to length 1 (``cosine``), or, as in the reference, as
            they are (``euclidean``).
        search: where neighbors are searched: ``host``; ``mesh``, by jax's devices; ``auto``, the
            mesh where there is an accelerator; or ``faiss``, an index that misses some (an extra).
        embeddings: of the ``current`` model, of the ``initial`` one (as loaded), or ``tfidf``.
        dtype: type in which these are computed, as in ``encoder``; None is the encoder's.
        from_epoch: epochs before it are in file order; the reference has 2.
    """

    kind: Literal["by_example"]
    group_size: Count = 8
    num_neighbors: Count = 500
    reverse: bool = True
    group_order: GroupOrder | None = None
    side: Side = "queries"
    filter_duplicates: bool = True
    count: Literal["rows", "texts"] = "rows"
    distance: Literal["cosine", "euclidean"] = "cosine"
    search: Search = "auto"
    embeddings: Embeddings = "current"
    dtype: Literal["float32", "bfloat16"] | None = "bfloat16"
    from_epoch: Count = 1


@section
class ByShingleShuffling:
    """``shuffling.by_shingle``, other words each epoch (Algorithm 2).

    Attributes:
        group_size: most pairs in a group.
        shingle_size: words in common.
        stop_words: words that are not drawn: an ``english`` list, or ``none``.
        group_order: how the groups stand: ``mixed``, ``forward`` (by shingle) or ``reversed``.
        side: whose words.
        from_epoch: epochs before it are in file order.
    """

    kind: Literal["by_shingle"]
    group_size: Count = 8
    shingle_size: Count = 1
    stop_words: Literal["english", "none"] = "english"
    group_order: GroupOrder = "mixed"
    side: Side = "queries"
    from_epoch: Count = 1


@section
class ByClusterShuffling:
    """``shuffling.by_cluster``, each epoch anew (Algorithm 2).

    Attributes:
        group_size: most pairs in a group.
        num_clusters: clusters to begin with; None takes one for every 50 pairs.
        group_order: how the groups stand: ``mixed``, ``forward`` (by cluster) or ``reversed``.
        side: whose embeddings make clusters.
        embeddings: of the ``current`` model, of the ``initial`` one (as loaded), or ``tfidf``.
        dtype: type in which these are computed, as in ``encoder``; None is the encoder's.
        from_epoch: epochs before it are in file order.
    """

    kind: Literal["by_cluster"]
    group_size: Count = 8
    num_clusters: Count | None = None
    group_order: GroupOrder = "mixed"
    side: Side = "queries"
    embeddings: Embeddings = "current"
    dtype: Literal["float32", "bfloat16"] | None = "bfloat16"
    from_epoch: Count = 1


@section
class ByNeighborShuffling:
    """``shuffling.by_neighbor``, each epoch anew (Algorithm 2).

    Attributes:
        group_size: most pairs in a group.
        num_neighbors: neighbors to draw from, itself included.
        group_order: how the groups stand: ``mixed``, ``forward`` (by the row number of the
            neighbor in common) or ``reversed``.
        side: whose embeddings make neighbors.
        search: where neighbors are searched: ``host``; ``mesh``, by jax's devices; ``auto``, the
            mesh where there is an accelerator; or ``faiss``, an index that misses some (an extra).
        embeddings: of the ``current`` model, of the ``initial`` one (as loaded), or ``tfidf``.
        dtype: type in which these are computed, as in ``encoder``; None is the encoder's.
        from_epoch: epochs before it are in file order.
    """

    kind: Literal["by_neighbor"]
    group_size: Count = 8
    num_neighbors: Count = 8
    group_order: GroupOrder = "mixed"
    side: Side = "queries"
    search: Search = "auto"
    embeddings: Embeddings = "current"
    dtype: Literal["float32", "bfloat16"] | None = "bfloat16"
    from_epoch: Count = 1


@section
class RandomShuffling:
    """``shuffling.random``, a new permutation each epoch."""

    kind: Literal["random"]


@section
class FileOrder:
    """The order of the data, in every epoch."""

    kind: Literal["file_order"]


@section
class SavedOrder:
    """Orders that a run wrote, or a hand.

    Attributes:
        path: a file, for every epoch; or a folder (``orders/`` of a run) that has
            ``epoch-001.txt`` for epoch 1, and so on.
    """

    kind: Literal["file"]
    path: Name


Shuffling = Annotated[
    ByExampleShuffling
    | ByShingleShuffling
    | ByClusterShuffling
    | ByNeighborShuffling
    | RandomShuffling
    | FileOrder
    | SavedOrder,
    Field(discriminator="kind"),
]
