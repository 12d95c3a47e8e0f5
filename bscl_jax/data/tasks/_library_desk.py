"""The embedded corpus: the help desk of Marrowgate City Library, which is invented.

Its files lie in ``library_desk/`` beside this one:

- ``answers.tsv``: doc_id, subject, role, doc. The role ``seen`` trains; answers of role ``dev``
  and ``test`` are held out of training with all their questions.
- ``questions.tsv``: query_id, doc_id, split, query; doc_id is the one answer.
- ``scored_pairs.tsv``: split, label (0 to 5), sentence1, sentence2.
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

from bscl_jax.data._cells import as_score, as_text, one_of
from bscl_jax.data._errors import DataError, data_error, quote
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data._table import read_table
from bscl_jax.types import EvaluationSet, Pairs, ScoredPairs, Task

LOWEST, HIGHEST = 0.0, 5.0


class _Question(NamedTuple):
    text: str
    answer: str
    split: str
    role: str


def load() -> Task:
    """Load the corpus that the package carries.

    Returns:
        train: a question and its answer. dev and test: ``"seen"``, new questions that answers
        of the training text answer; ``"unseen"``, questions whose answers were held out;
        ``"pairs"``, pairs of questions scored 0 to 5. Every retrieval set searches all answers.
    """
    with as_file(files("bscl_jax.data.tasks") / "library_desk") as folder:
        return read_folder(folder)


def read_folder(folder: Path) -> Task:
    """Load the corpus from a folder.

    A question of a held-out answer belongs to the split of the answer, whatever its own split
    says, so that no such answer can slip into training.

    Args:
        folder: where the three files lie.

    Returns:
        The task, as ``load`` says.

    Raises:
        DataError: if a file cannot be used, ids do not match or a split is without questions.
    """
    roles, texts = _read_answers(folder / "answers.tsv")
    questions = _read_questions(folder / "questions.tsv", roles, texts)
    corpus = tuple(texts.values())
    scored = _read_scored_pairs(folder / "scored_pairs.tsv")

    def select(split: str, role: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Pick the questions of seen answers by split, those of held-out answers by role."""
        found = [q for q in questions if q.role == role and (role != "seen" or q.split == split)]
        if not found:
            kind = f"of split {split} with an answer of role {role}"
            raise DataError(f"{folder / 'questions.tsv'}: no question {kind}; add at least one")
        return tuple(q.text for q in found), tuple(q.answer for q in found)

    def evaluation_sets(split: str) -> dict[str, EvaluationSet]:
        return {
            "seen": make_retrieval_set(*select(split, "seen"), corpus=corpus),
            "unseen": make_retrieval_set(*select(split, split), corpus=corpus),
            "pairs": scored[split],
        }

    return Task(
        train=Pairs(*select("train", "seen")),
        dev=evaluation_sets("dev"),
        test=evaluation_sets("test"),
    )


def _read_answers(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    table = read_table(
        path, {"doc_id": as_text, "role": one_of("seen", "dev", "test"), "doc": as_text}
    )
    roles: dict[str, str] = {}
    texts: dict[str, str] = {}
    problems: list[str] = []
    for line, doc_id, role, doc in zip(table.lines, *table.columns.values(), strict=True):
        if doc_id in roles:
            fault = f"{quote(doc_id)} is there already; give each answer an id of its own"
            problems.append(f"line {line}, column 'doc_id': {fault}")
        roles[doc_id] = role
        texts[doc_id] = doc
    if problems:
        raise data_error(path, problems)
    return roles, texts


def _read_questions(path: Path, roles: dict[str, str], texts: dict[str, str]) -> list[_Question]:
    table = read_table(
        path, {"doc_id": as_text, "split": one_of("train", "dev", "test"), "query": as_text}
    )
    questions: list[_Question] = []
    problems: list[str] = []
    for line, doc_id, split, query in zip(table.lines, *table.columns.values(), strict=True):
        if doc_id in texts:
            questions.append(_Question(query, texts[doc_id], split, roles[doc_id]))
        else:
            fault = f"{quote(doc_id)} is not in answers.tsv; correct it or add the answer"
            problems.append(f"line {line}, column 'doc_id': {fault}")
    if problems:
        raise data_error(path, problems)
    return questions


def _read_scored_pairs(path: Path) -> dict[str, ScoredPairs]:
    parsers = {
        "split": one_of("dev", "test"),
        "label": as_score(LOWEST, HIGHEST),
        "sentence1": as_text,
        "sentence2": as_text,
    }
    rows = list(zip(*read_table(path, parsers).columns.values(), strict=True))
    scored: dict[str, ScoredPairs] = {}
    for split in ("dev", "test"):
        chosen = [row for row in rows if row[0] == split]
        if not chosen:
            raise DataError(f"{path}: no pair of split {split}; add at least two")
        _, scores, first, second = zip(*chosen, strict=True)
        scored[split] = ScoredPairs(first, second, scores)
    return scored
