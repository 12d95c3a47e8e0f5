"""Community question answering, SemEval tasks 3A and 3B: what their readers share."""

from collections.abc import Collection, Mapping, Sequence
from os import PathLike

from bscl_jax.data._cells import as_text, one_of
from bscl_jax.data._content import normalize_text
from bscl_jax.data.tasks._folder import Columns, read_folder
from bscl_jax.data.tasks._judged import Judged, graded_pairs, ranking_set
from bscl_jax.types import EvaluationSet, Task


def load_cqa(
    path: str | PathLike[str],
    *,
    data: str,
    grades: Mapping[str, float],
    extra: Sequence[str],
    name: str,
) -> Task:
    """Load ``train.tsv``, ``dev.tsv``, ``test.tsv`` and further training files.

    Args:
        path: the folder.
        data: what the task is called, for messages.
        grades: the grade of each label.
        extra: the names of further training files. Questions of theirs that are in dev or test
            are left out, by content.
        name: of the evaluation sets.
    """
    columns = {
        "query_id": as_text,
        "query": as_text,
        "doc": as_text,
        "label": one_of(*grades),
    }
    files = ("train", "dev", "test", *extra)
    tables = read_folder(path, dict.fromkeys(files, columns), data=data)
    rows = {name: _judged(table, grades) for name, table in tables.items()}
    held_out = {normalize_text(row.query) for part in ("dev", "test") for row in rows[part]}
    train = [*rows["train"]]
    for file in extra:
        train += without(rows[file], held_out)

    def sets(part: str) -> dict[str, EvaluationSet]:
        return {name: ranking_set(rows[part])}

    return Task(graded_pairs(train), sets("dev"), sets("test"))


def without(rows: Sequence[Judged], queries: Collection[str]) -> list[Judged]:
    """Leave out the rows whose normalized query is one of those given."""
    return [row for row in rows if normalize_text(row.query) not in queries]


def _judged(table: Columns, grades: Mapping[str, float]) -> list[Judged]:
    columns = (table["query_id"], table["query"], table["doc"], table["label"])
    return [
        Judged(query_id, query, document, grades[label])
        for query_id, query, document, label in zip(*columns, strict=True)
    ]
