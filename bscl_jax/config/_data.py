"""The sections of data of the user's own, and of the embedded corpus."""

import re
from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from bscl_jax.config._section import Count, Name, Rate, section


def _parts(*known: str) -> AfterValidator:
    """Make a check of what columns are named for: the parts known, or hard negatives."""

    def check(part: str) -> str:
        if part in known or re.fullmatch("negative(_[1-9][0-9]*)?", part):
            return part
        *others, last = map(repr, known)
        names = f"{', '.join(others)} or {last}, or of hard negatives 'negative', 'negative_1', …"
        raise PydanticCustomError("part", "must be {known}", {"known": names})

    return AfterValidator(check)


PairColumns = dict[Annotated[str, _parts("query", "target", "label")], Name]
ListColumns = dict[Annotated[str, _parts("query", "target", "label", "query_id")], Name]
RetrievalColumns = dict[Annotated[str, _parts("query", "target", "label", "corpus")], Name]
AnyColumns = dict[Annotated[str, _parts("query", "target", "label", "query_id", "corpus")], Name]
Depths = tuple[Count, ...]
OnError = Literal["error", "skip", "quarantine"]


@section
class LibraryDeskData:
    """The embedded corpus: the help desk of an invented city library."""

    kind: Literal["library_desk"]


@section
class PairsData:
    """Text pairs in files of your own (TSV, CSV or JSON lines, gzipped too; Parquet).

    Attributes:
        train: the training file.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: which columns hold ``query``, ``target`` and, if there are such, ``label`` and hard
            negatives, ``negative`` or ``negative_1``, ``negative_2``, ….
        label_range: the scale of the labels, brought to [0, 1].
        on_error: rows that cannot be used are an ``error``, or are passed over and counted
            (``skip``), and written to ``quarantine.jsonl`` in the run folder too (``quarantine``).
    """

    kind: Literal["pairs"]
    train: Name
    dev: Name
    test: Name | None = None
    columns: PairColumns = field(default_factory=lambda: {"query": "query", "target": "target"})
    label_range: tuple[float, float] = (0.0, 1.0)
    on_error: OnError = "error"


@section
class ListsData:
    """Documents graded for queries, in files of your own: a row each, a list for each query.

    Attributes:
        train: the training file; every row is a pair.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: which columns hold ``query``, ``target`` (the document), ``label`` (its grade) and,
            if there is one, ``query_id``; hard negatives as for ``pairs``.
        label_range: the scale of the labels, brought to [0, 1].
        threshold: a document of dev or test is positive if its label in [0, 1] is above.
        on_error: as for ``pairs``.
    """

    kind: Literal["lists"]
    train: Name
    dev: Name
    test: Name | None = None
    columns: ListColumns = field(
        default_factory=lambda: {"query": "query", "target": "target", "label": "label"}
    )
    label_range: tuple[float, float] = (0.0, 1.0)
    threshold: Rate = 0.5
    on_error: OnError = "error"


@section
class RetrievalData:
    """Training pairs, and queries to be answered from a corpus, in files of your own.

    Attributes:
        train: the training file.
        dev: the file that chooses the best epoch; a row for each answer of a query.
        corpus: the file of the documents that are searched.
        test: the file that is scored once, at the end; None scores nothing.
        columns: which columns hold ``query``, ``target`` (the document) and, if there are such,
            ``label`` and hard negatives; ``corpus`` is the column of the corpus, where that is not
            the one of ``target``.
        label_range: the scale of the labels, brought to [0, 1].
        threshold: a document of dev or test answers if its label in [0, 1] is above.
        depths: the k of ``has_positive@k``.
        on_error: as for ``pairs``.
    """

    kind: Literal["retrieval"]
    train: Name
    dev: Name
    corpus: Name
    test: Name | None = None
    columns: RetrievalColumns = field(
        default_factory=lambda: {"query": "query", "target": "target"}
    )
    label_range: tuple[float, float] = (0.0, 1.0)
    threshold: Rate = 0.5
    depths: Depths = (1, 5)
    on_error: OnError = "error"


@section
class HubData:
    """Rows of a data set on the Hugging Face hub, or in a folder that ``datasets`` reads.

    Attributes:
        path: a folder of Parquet, CSV or JSON lines files; else a name on the hub, OWNER/NAME.
        splits: split expressions such as ``train[:90%]`` for ``train``, ``dev`` and, if there is
            one, ``test``; for ``retrieval`` also for ``corpus``.
        name: the configuration; None where the data set has only one.
        revision: commit, tag or branch on the hub; None takes the newest.
        form: what the rows are: those of the kind ``pairs``, ``lists`` or ``retrieval``.
        columns: which columns hold ``query``, ``target`` and what else the form has.
        label_range: the scale of the labels, brought to [0, 1].
        threshold: that of ``lists`` and ``retrieval``.
        depths: those of ``retrieval``.
        on_error: rows that cannot be used are an ``error``, or are passed over and counted
            (``skip``), and written to ``quarantine.jsonl`` in the run folder too (``quarantine``).
    """

    kind: Literal["hub"]
    path: Name
    splits: dict[Literal["train", "dev", "test", "corpus"], Name]
    name: Name | None = None
    revision: Name | None = None
    form: Literal["pairs", "lists", "retrieval"] = "pairs"
    columns: AnyColumns = field(default_factory=lambda: {"query": "query", "target": "target"})
    label_range: tuple[float, float] = (0.0, 1.0)
    threshold: Rate = 0.5
    depths: Depths = (1, 5)
    on_error: OnError = "error"
