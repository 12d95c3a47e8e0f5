"""Pairs in files of the user's own."""

from collections.abc import Mapping, Sequence
from os import PathLike

from bscl_jax.data._errors import DataError
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data.tasks._columns import check_columns, check_options
from bscl_jax.data.tasks._files import file_reader, file_sources
from bscl_jax.data.tasks._splits import Form, Split, make_task
from bscl_jax.types import EvaluationSet, ScoredPairs, Task


def load(
    *,
    train: str | PathLike[str],
    dev: str | PathLike[str],
    test: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
    on_error: str = "error",
) -> Task:
    """Load pairs from ``.tsv``, ``.csv`` or ``.jsonl`` files, gzipped or not, or ``.parquet``.

    Without a label column every pair is positive, and dev and test are retrieval sets: the
    distinct queries of the split against its distinct targets. With one they are scored pairs.
    Either is named ``"pairs"``. Texts are equal if ``normalize_text`` makes them so.

    Args:
        train: the training file.
        dev: the file that chooses the best epoch.
        test: the file that is scored once, at the end; None scores nothing.
        columns: the names in the files of ``query``, ``target`` and, if there are such, ``label``
            and ``negative`` or ``negative_1``, ``negative_2``, …, hard negatives of the query,
            which the training file alone must have and whose cells may be empty; None means
            ``query`` and ``target``.
        label_range: lowest and highest label, brought to 0 and 1.
        on_error: what becomes of rows that cannot be used: ``"error"``, ``"skip"`` or
            ``"quarantine"``. The last two pass over them; ``Task.rejected`` holds them.

    Returns:
        The task; labels in [0, 1].

    Raises:
        ValueError: if ``columns``, ``label_range`` or ``on_error`` cannot be.
        DataError: if a file cannot be used, or dev and test are the same. The mistakes of
            all files are in one message.
    """
    columns = check_columns(columns, required=PAIRS.required, optional=PAIRS.optional)
    check_options(label_range, on_error)
    files = file_sources(train, dev, test)
    return make_task(PAIRS, file_reader(on_error), files, columns, label_range)


def _make_set(split: Split) -> tuple[EvaluationSet, Mapping[str, int]]:
    pairs = split.pairs
    if pairs.scores is None:
        return make_retrieval_set(pairs.queries, pairs.targets), {}
    if len(set(pairs.scores)) < 2:
        raise DataError(
            f"{split.source}: all labels are equal, so nothing can correlate with them; give pairs "
            "of different labels, or leave label out of columns to score retrieval"
        )
    return ScoredPairs(pairs.queries, pairs.targets, pairs.scores), {}


PAIRS = Form(name="pairs", required=("query", "target"), optional=("label",), make_set=_make_set)
