from pathlib import Path

import pytest

from bscl_jax.data import DataError
from bscl_jax.data.tasks._library_desk import read_folder

FILES = {
    "answers.tsv": [
        "doc_id\tsubject\trole\tdoc",
        "a1\tCards\tseen\tanswer one",
        "a2\tCards\tseen\tanswer two",
        "a3\tLoans\tdev\tanswer three",
        "a4\tLoans\ttest\tanswer four",
    ],
    "questions.tsv": [
        "query_id\tdoc_id\tsplit\tquery",
        "q1\ta1\ttrain\ttrain one",
        "q2\ta2\ttrain\ttrain two",
        "q3\ta1\tdev\tdev one",
        "q4\ta2\ttest\ttest two",
        "q5\ta3\tdev\tdev three",
        "q6\ta3\ttrain\talso three",
        "q7\ta4\ttest\ttest four",
    ],
    "scored_pairs.tsv": [
        "split\tlabel\tsentence1\tsentence2",
        "dev\t4.5\tx\ty",
        "dev\t0\tz\tw",
        "test\t2.25\tu\tv",
    ],
}


def write(folder: Path, **changes: tuple[int, str]) -> Path:
    for name, rows in FILES.items():
        rows = list(rows)
        if name.removesuffix(".tsv") in changes:
            line, row = changes[name.removesuffix(".tsv")]
            rows[line - 1 : line] = [row] if row else []
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_only_seen_answers_train(tmp_path):
    train = read_folder(write(tmp_path)).train
    assert train.queries == ("train one", "train two")
    assert train.targets == ("answer one", "answer two")
    assert train.scores is None


def test_every_retrieval_set_searches_all_answers(tmp_path):
    task = read_folder(write(tmp_path))
    corpus = ("answer one", "answer two", "answer three", "answer four")
    for sets in (task.dev, task.test):
        assert list(sets) == ["seen", "unseen", "pairs"]
        assert sets["seen"].corpus == sets["unseen"].corpus == corpus


def test_new_questions_of_seen_answers_go_by_their_split(tmp_path):
    task = read_folder(write(tmp_path))
    assert (task.dev["seen"].queries, task.dev["seen"].relevant) == (("dev one",), ((0,),))
    assert (task.test["seen"].queries, task.test["seen"].relevant) == (("test two",), ((1,),))


def test_questions_of_held_out_answers_go_by_the_answer(tmp_path):
    task = read_folder(write(tmp_path))
    assert task.dev["unseen"].queries == ("dev three", "also three")
    assert task.dev["unseen"].relevant == ((2,), (2,))
    assert task.test["unseen"].queries == ("test four",)


def test_scored_pairs_keep_their_scale(tmp_path):
    task = read_folder(write(tmp_path))
    assert task.dev["pairs"] == (("x", "z"), ("y", "w"), (4.5, 0.0))
    assert task.test["pairs"] == (("u",), ("v",), (2.25,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answers": (3, "a1\tCards\tseen\tx")}, r"answers.tsv, line 3, column 'doc_id': 'a1' is"),
        ({"answers": (3, "a2\tCards\tsene\tx")}, r"answers.tsv, line 3, column 'role': 'sene' is"),
        ({"questions": (4, "q3\ta9\tdev\tx")}, r"questions.tsv, line 4, column 'doc_id': 'a9' is"),
        ({"questions": (4, "")}, r"questions.tsv: no question of split dev with an answer of role"),
        ({"scored_pairs": (4, "")}, r"scored_pairs.tsv: no pair of split test"),
        ({"scored_pairs": (4, "test\t6\tu\tv")}, r"scored_pairs.tsv, line 4, column 'label': '6'"),
    ],
)
def test_a_corpus_that_does_not_fit_together_is_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read_folder(write(tmp_path, **changes))
