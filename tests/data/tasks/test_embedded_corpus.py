from collections import Counter
from importlib.resources import files

import pytest

from bscl_jax.data import as_score, as_text, check_overlap, load_task, normalize_text, read_table

FOLDER = files("bscl_jax.data.tasks") / "library_desk"


def read(name, *columns):
    return read_table(str(FOLDER / name), dict.fromkeys(columns, as_text)).columns


@pytest.fixture(scope="module")
def answers():
    return read("answers.tsv", "doc_id", "subject", "role", "doc")


@pytest.fixture(scope="module")
def questions():
    return read("questions.tsv", "query_id", "doc_id", "split", "query")


@pytest.fixture(scope="module")
def scored():
    path = str(FOLDER / "scored_pairs.tsv")
    parsers = {"label": as_score(0, 5), "sentence1": as_text, "sentence2": as_text}
    return read_table(path, parsers).columns


def letters_of(text: str) -> str:
    """The text without case, spaces and punctuation."""
    return "".join(letter for letter in normalize_text(text).casefold() if letter.isalnum())


def test_there_are_answers_enough_in_subjects_enough(answers):
    assert len(answers["doc"]) >= 240
    assert len(set(answers["subject"])) >= 20


def test_sixty_answers_are_held_out_of_training(answers):
    roles = Counter(answers["role"])
    assert roles["dev"] + roles["test"] >= 60
    assert min(roles["dev"], roles["test"]) > 0


def test_every_seen_answer_has_two_training_questions_and_one_test_question(answers, questions):
    asked = Counter(zip(questions["doc_id"], questions["split"], strict=True))
    for doc_id, role in zip(answers["doc_id"], answers["role"], strict=True):
        if role == "seen":
            assert (asked[doc_id, "train"], asked[doc_id, "test"]) == (2, 1)


def test_every_answer_has_three_questions_at_least(answers, questions):
    asked = Counter(questions["doc_id"])
    assert min(asked[doc_id] for doc_id in answers["doc_id"]) >= 3


def test_the_scored_pairs_spread_over_the_whole_scale(scored):
    assert len(scored["label"]) >= 400
    of_each_grade = Counter(min(int(label), 4) for label in scored["label"])
    assert min(of_each_grade[grade] for grade in range(5)) >= 40


def test_no_text_comes_twice_even_up_to_case_and_punctuation(answers, questions, scored):
    texts = [*answers["doc"], *questions["query"], *scored["sentence1"], *scored["sentence2"]]
    repeated = [text for text, count in Counter(map(letters_of, texts)).items() if count > 1]
    assert repeated == []


def test_no_question_and_no_pair_stands_in_two_splits():
    overlap = check_overlap(load_task("library_desk"))
    assert not any(count for name, count in overlap.items() if not name.endswith("/targets"))


def test_no_held_out_answer_trains(answers):
    train = set(load_task("library_desk").train.targets)
    assert not any(
        doc in train
        for doc, role in zip(answers["doc"], answers["role"], strict=True)
        if role != "seen"
    )


def test_every_retrieval_set_of_the_package_searches_all_answers(answers):
    task = load_task("library_desk")
    for sets in (task.dev, task.test):
        assert sets["seen"].corpus == sets["unseen"].corpus == tuple(answers["doc"])
