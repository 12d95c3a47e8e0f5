"""Queries answered from a corpus, in files of the user's own."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike

from bscl_jax.data._cells import as_text
from bscl_jax.data._content import normalize_text
from bscl_jax.data._errors import DataError, quote
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data.tasks._columns import check_columns, check_options
from bscl_jax.data.tasks._files import file_reader, file_sources
from bscl_jax.data.tasks._splits import Form, Parsers, Split, make_task
from bscl_jax.data.tasks._threshold import check_threshold
from bscl_jax.types import RetrievalSet, Task


def load(
    *,
    train: str | PathLike[str],
    dev: str | PathLike[str],
    corpus: str | PathLike[str],
    test: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    threshold: float = 0.5,
    depths: Sequence[int] = (1, 5),
    on_error: str = "error",
) -> Task:
    """Load training pairs, and queries to be answered from a corpus, in the formats of ``"pairs"``.

    A row of dev or test is a query and a document that answers it; a query with several has a row
    for each. All documents of the corpus are searched. Equal texts, by ``normalize_text``, are one.

    Args:
        train: the training file, pairs as for ``"pairs"``; their targets need not be in the corpus.
        dev: the file that chooses the best epoch.
        corpus: the file of the documents.
        test: the file that is scored once, at the end; None scores nothing.
        columns: the names in the files of ``query``, ``target`` (the document) and, if there are
            such, ``label`` and hard negatives as for ``"pairs"``; ``corpus`` is the column of the
            corpus where that is not the one of ``target``. None means ``query`` and ``target``.
        label_range: lowest and highest label, brought to 0 and 1.
        threshold: a document of dev or test answers its query if its label, brought to 0 to 1, is
            above; without labels each does.
        depths: the k of HasPositive@k, 1 or more.
        on_error: as for ``"pairs"``. A row of dev or test whose document is not in the corpus
            cannot be used.

    Returns:
        The task; labels in [0, 1], sets named ``"retrieval"``. Queries that nothing answers are
        left out and counted.

    Raises:
        ValueError: if an option cannot be.
        DataError: if a file cannot be used, dev and test are the same, or no query of a split has
            an answer. The mistakes of all files are in one message.
    """
    form = retrieval_form(threshold, depths)
    columns = check_columns(columns, required=form.required, optional=form.optional)
    check_options(label_range, on_error)
    files = {**file_sources(train, dev, test), "corpus": corpus}
    return make_task(form, file_reader(on_error), files, columns, label_range)


def retrieval_form(threshold: float, depths: Sequence[int]) -> Form:
    """Make the form of queries whose answers are labelled above a threshold, 0 to 1."""
    check_threshold(threshold)
    if not depths or min(depths) < 1:
        raise ValueError(f"depths must be numbers from 1 on, was {list(depths)}; [1, 5] suits")

    def make_set(split: Split) -> tuple[RetrievalSet, Mapping[str, int]]:
        pairs = split.pairs
        rows = range(len(pairs.queries))
        if pairs.scores is not None:
            rows = [row for row in rows if pairs.scores[row] > threshold]
        if not rows:
            raise DataError(
                f"{split.source}: no label is above the threshold {threshold:g}, so no query has "
                "an answer; give another threshold or label_range"
            )
        queries, answers = ([texts[row] for row in rows] for texts in pairs[:2])
        found = make_retrieval_set(queries, answers, corpus=split.corpus)
        asked = len(set(map(normalize_text, pairs.queries)))
        return (
            found._replace(depths=tuple(depths)),
            {"queries_without_positive": asked - len(found.queries)},
        )

    return Form("retrieval", ("query", "target"), ("label", "corpus"), make_set, _parsers)


def _parsers(columns: Mapping[str, str], corpus: Sequence[str]) -> Parsers:
    return {columns["target"]: _as_document(corpus)} if corpus else {}


def _as_document(corpus: Sequence[str]) -> Callable[[str], str]:
    """Make a parser that takes only texts of the corpus."""
    known = set(map(normalize_text, corpus))

    def parse(cell: str) -> str:
        if normalize_text(as_text(cell)) not in known:
            raise ValueError(f"{quote(cell)} is not in the corpus; add it there or delete the row")
        return cell

    return parse
