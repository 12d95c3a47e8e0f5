"""Lists of documents, each graded for a query, in files of the user's own."""

from collections.abc import Mapping, Sequence
from os import PathLike

from bscl_jax.data._cells import as_text
from bscl_jax.data._content import normalize_text
from bscl_jax.data._errors import DataError, data_error, quote
from bscl_jax.data.tasks._columns import check_columns, check_options
from bscl_jax.data.tasks._files import file_reader, file_sources
from bscl_jax.data.tasks._judged import Judged, ranking_set
from bscl_jax.data.tasks._splits import Form, Parsers, Split, make_task
from bscl_jax.data.tasks._threshold import check_threshold
from bscl_jax.types import RankingSet, Task


def load(
    *,
    train: str | PathLike[str],
    dev: str | PathLike[str],
    test: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    threshold: float = 0.5,
    on_error: str = "error",
) -> Task:
    """Load rows of query, document and grade from files, in the formats of ``"pairs"``.

    Every row is a training pair. The rows of dev and test with the same query (by ``query_id``
    where there is one, else by content) are a list to be ranked, wherever they stand in the file.

    Args:
        train: the training file.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: the names in the files of ``query``, ``target`` (the document), ``label`` (its
            grade) and, if there is one, ``query_id``, which dev and test alone must have; hard
            negatives as for ``"pairs"``. None means ``query``, ``target`` and ``label``.
        label_range: lowest and highest label, brought to 0 and 1.
        threshold: a document of dev or test is positive if its label, brought to 0 to 1, is above.
        on_error: as for ``"pairs"``.

    Returns:
        The task; labels in [0, 1], sets named ``"lists"``. Of a list without a positive all
        measures but nDCG are 0; such lists are counted.

    Raises:
        ValueError: if an option cannot be.
        DataError: if a file cannot be used, dev and test are the same, one ``query_id`` stands for
            two queries, or a split has only positive documents or none. The mistakes of all files
            are in one message.
    """
    form = lists_form(threshold)
    columns = check_columns(columns, required=form.required, optional=form.optional)
    check_options(label_range, on_error)
    files = file_sources(train, dev, test)
    return make_task(form, file_reader(on_error), files, columns, label_range)


def lists_form(threshold: float) -> Form:
    """Make the form of lists whose documents are positive above a threshold, 0 to 1."""
    check_threshold(threshold)

    def make_set(split: Split) -> tuple[RankingSet, Mapping[str, int]]:
        lists = ranking_set(_judged(split))._replace(threshold=threshold)
        positive = [[grade > threshold for grade in grades] for grades in lists.grades]
        if not any(map(any, positive)) or all(map(all, positive)):
            raise DataError(
                f"{split.source}: all labels are on one side of the threshold {threshold:g}, so "
                "there is nothing to rank; give documents that answer and such as do not, or "
                "another threshold or label_range"
            )
        return lists, {"queries_without_positive": sum(not any(each) for each in positive)}

    return Form("lists", ("query", "target", "label"), ("query_id",), make_set, _parsers)


def _parsers(columns: Mapping[str, str], corpus: Sequence[str]) -> Parsers:
    del corpus
    return {columns["query_id"]: as_text} if "query_id" in columns else {}


def _judged(split: Split) -> list[Judged]:
    pairs = split.pairs
    queries = [normalize_text(query) for query in pairs.queries]
    keys = queries
    if "query_id" in split.columns:
        keys = split.found.columns[split.columns["query_id"]]
        _check_ids(split, keys, queries)
    rows = zip(keys, *pairs[:2], pairs.scores or (), strict=True)
    return [Judged(*row) for row in rows]


def _check_ids(split: Split, keys: Sequence[str], queries: Sequence[str]) -> None:
    """Refuse an id that stands for two queries: their documents would be one list."""
    first: dict[str, int] = {}
    problems: list[str] = []
    places, unit = split.found.places, split.found.unit
    for row, (key, query) in enumerate(zip(keys, queries, strict=True)):
        other = first.setdefault(key, row)
        if queries[other] != query:
            problems.append(
                f"{unit} {places[row]}, column {split.columns['query_id']!r}: {quote(key)} is the "
                f"id of another query in {unit} {places[other]}; give each query an id of its own"
            )
    if problems:
        raise data_error(split.source, problems)
