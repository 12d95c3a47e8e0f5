"""CQA-A and CQA-B: each question with documents of its own."""

import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.types import RankingSet
from tests.data.tasks.small_files import LIST, WRITERS, write


@pytest.mark.parametrize(
    ("kind", "name", "grades"),
    [("cqa_a", "comments", (1.0, 0.0, 0.0)), ("cqa_b", "questions", (1.0, 0.0, 1.0))],
)
def test_each_question_is_a_list_graded_by_its_labels(kind, name, grades, tmp_path):
    task = load_task(kind, path=WRITERS[kind](tmp_path), extra=False)
    dev = task.dev[name]
    assert isinstance(dev, RankingSet)
    assert dev.queries == (
        'trains [SEP] who knows ""trains""?',
        'chess [SEP] who knows ""chess""?',
    )
    assert dev.documents == (("word 0", "word 1", "word 2"),) * 2
    assert dev.grades == (grades,) * 2
    assert list(task.test) == [name]


def test_every_labelled_document_trains_with_its_grade(tmp_path):
    train = load_task("cqa_a", path=WRITERS["cqa_a"](tmp_path)).train
    assert train.queries[:4] == ('tax [SEP] who knows ""tax""?',) * 3 + (
        'rain [SEP] who knows ""rain""?',
    )
    assert train.targets[:3] == ("word 0", "word 1", "word 2")
    assert train.scores == (1.0, 0.0, 0.0) * 4


def test_questions_with_the_same_text_stay_apart_by_their_id(tmp_path):
    folder = WRITERS["cqa_a"](tmp_path)
    write(folder, "dev.tsv", LIST, "a\tq\t1\td1\tGood", "b\tq\t2\td2\tBad", "a\tq\t3\td3\tBad")
    dev = load_task("cqa_a", path=folder).dev["comments"]
    assert dev == RankingSet(("q", "q"), (("d1", "d3"), ("d2",)), ((1.0, 0.0), (0.0,)))


@pytest.mark.parametrize(
    ("kind", "file"), [("cqa_a", "train_extra_2015"), ("cqa_b", "train_part2")]
)
def test_further_training_questions_that_are_judged_are_dropped_by_their_text(kind, file, tmp_path):
    folder = WRITERS[kind](tmp_path)
    label = {"cqa_a": "Good", "cqa_b": "Relevant"}[kind]
    rows = [
        f'x1\tpaper [SEP] who knows ""paper""? \ty1\tof test\t{label}',
        f"x2\tnew [SEP] question\ty2\tkept\t{label}",
        f'x3\tchess [SEP] who knows ""chess""?\ty3\tof dev\t{label}',
    ]
    write(folder, f"{file}.tsv", LIST, *rows)
    train = load_task(kind, path=folder, extra=True).train
    assert len(train.targets) == 13
    assert train.targets[-1] == "kept"


def test_an_unknown_label_is_placed(tmp_path):
    folder = WRITERS["cqa_b"](tmp_path)
    write(folder, "dev.tsv", LIST, "a\tq\t1\td1\tGood")
    with pytest.raises(DataError, match=r"dev.tsv, line 2, column 'label': 'Good' is unknown"):
        load_task("cqa_b", path=folder, extra=False)
