"""Antique: answers to questions that ask for no fact, graded 1 to 4."""

from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from bscl_jax.data._errors import DataError, data_error, quote
from bscl_jax.data._read_text import read_text
from bscl_jax.data.tasks._folder import find_folder
from bscl_jax.data.tasks._held_out import hold_out
from bscl_jax.data.tasks._judged import Judged, graded_pairs, ranking_set
from bscl_jax.types import Task

COLLECTION = "antique-collection.txt"
SPLITS = ("train", "test")
LOWEST, HIGHEST = 1, 4


class Judgment(NamedTuple):
    """A line of a ``.qrel`` file: ids of question and answer, and the grade, 1 to 4."""

    query_id: str
    doc_id: str
    grade: int


def load(
    *,
    path: str | PathLike[str] = "../shared/data/antique",
    dev_share: float = 0.1,
    seed: int = 0,
) -> Task:
    """Load Antique as it is published.

    The folder holds ``antique-collection.txt``, ``antique-train-queries.txt`` and
    ``antique-test-queries.txt`` (id, tab, text), ``antique-train.qrel`` and ``antique-test.qrel``
    (question, source, answer and grade, parted by white space).

    Args:
        path: the folder.
        dev_share: share of the training questions that are held out, between 0 and 1.
        seed: of that choice.

    Returns:
        train: every judged answer with its question; the grades 1, 2, 3, 4 become 0, 1/3, 2/3, 1,
        so that 3 and 4 are positive. dev and test: ``"answers"``, for each question the answers
        that were judged. An answer without text is one with an empty text.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if ``dev_share`` cannot be.
        DataError: if a file cannot be used or an id is unknown.

    Differs:
        The paper chooses the best epoch on the test questions.

    References:
        Hashemi et al.: ANTIQUE: a non-factoid question answering benchmark. ECIR 2020.
    """
    names = {part: (f"antique-{part}-queries.txt", f"antique-{part}.qrel") for part in SPLITS}
    files = ", ".join([COLLECTION, *(name for pair in names.values() for name in pair)])
    folder = find_folder(path, data="Antique", files=files)
    judgments = {part: _read_judgments(folder / qrel) for part, (_, qrel) in names.items()}
    judged = {row.doc_id for rows in judgments.values() for row in rows}
    answers = _read_texts(folder / COLLECTION, only=judged)
    rows: dict[str, list[Judged]] = {}
    for part, (queries, qrel) in names.items():
        questions = _read_texts(folder / queries)
        rows[part] = _join(folder / qrel, judgments[part], questions, answers)
    train, dev = hold_out(
        rows["train"], [str(row.key) for row in rows["train"]], share=dev_share, seed=seed
    )
    return Task(
        train=graded_pairs(train),
        dev={"answers": ranking_set(dev)},
        test={"answers": ranking_set(rows["test"])},
    )


def _read_judgments(path: Path) -> list[Judgment]:
    rows: list[Judgment] = []
    problems: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 4 or cells[3] not in ("1", "2", "3", "4"):
            rule = "a line is question, source, answer and a grade from 1 to 4"
            problems.append(f"line {number}: {quote(line)} is no judgment; {rule}")
            continue
        rows.append(Judgment(cells[0], cells[2], int(cells[3])))
    if problems:
        raise data_error(path, problems)
    return rows


def _read_texts(path: Path, *, only: Collection[str] | None = None) -> dict[str, str]:
    """Read texts by id; of a large file only those that are asked for."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        key, tab, text = line.rstrip("\r").partition("\t")
        if not tab:
            problems.append(f"line {number}: {quote(line)} has no tab; write id, tab, text")
        elif only is None or key in only:
            texts[key] = text
    if problems:
        raise data_error(path, problems)
    return texts


def _join(
    path: Path, judgments: list[Judgment], questions: Mapping[str, str], answers: Mapping[str, str]
) -> list[Judged]:
    for kind, known, ids in (
        ("questions", questions, [row.query_id for row in judgments]),
        ("answers", answers, [row.doc_id for row in judgments]),
    ):
        missing = [key for key in dict.fromkeys(ids) if key not in known]
        if missing:
            raise DataError(
                f"{path}: {len(missing)} of its {kind} have no text, the first is "
                f"{quote(missing[0])}; take all files from the same release"
            )
    return [
        Judged(
            row.query_id,
            questions[row.query_id],
            answers[row.doc_id],
            (row.grade - LOWEST) / (HIGHEST - LOWEST),
        )
        for row in judgments
    ]
