import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.types import RankingSet
from tests.data.tasks.small_files import WRITERS, write


@pytest.fixture
def folder(tmp_path):
    return WRITERS["antique"](tmp_path)


def test_grades_one_to_four_become_zero_to_one(folder):
    test = load_task("antique", path=folder).test["answers"]
    assert isinstance(test, RankingSet)
    assert test.queries == ("why is it 21?",)
    assert test.documents == (tuple(f"an answer 21_{d} to it" for d in range(4)),)
    assert test.grades == ((0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0),)


def test_a_training_question_is_held_out_whole(folder):
    task = load_task("antique", path=folder, dev_share=0.5)
    dev = task.dev["answers"]
    assert isinstance(dev, RankingSet)
    assert len(dev.queries) == 2
    assert not set(dev.queries) & set(task.train.queries)
    assert len(task.train.queries) == 8


def test_an_answer_without_text_is_empty(folder):
    collection = folder / "antique-collection.txt"
    collection.write_text(collection.read_text().replace("an answer 21_2 to it", ""))
    test = load_task("antique", path=folder).test["answers"]
    assert isinstance(test, RankingSet)
    assert test.documents[0][2] == ""


@pytest.mark.parametrize("line", ["21 U0 21_0", "21 U0 21_0 5", "21 U0 21_0 4 x"])
def test_a_line_that_is_no_judgment_is_placed(folder, line):
    write(folder, "antique-test.qrel", "21 U0 21_0 4", line)
    with pytest.raises(DataError, match=rf"antique-test.qrel, line 2: '{line}' is no judgment"):
        load_task("antique", path=folder)


def test_an_id_without_text_is_named(folder):
    write(folder, "antique-test.qrel", "21 U0 21_9 4")
    with pytest.raises(DataError, match="1 of its answers have no text, the first is '21_9'"):
        load_task("antique", path=folder)
    write(folder, "antique-test.qrel", "77 U0 21_0 4")
    with pytest.raises(DataError, match="1 of its questions have no text, the first is '77'"):
        load_task("antique", path=folder)


def test_a_text_without_its_tab_is_placed(folder):
    write(folder, "antique-test-queries.txt", "21 why?")
    with pytest.raises(DataError, match=r"queries.txt, line 1: '21 why\?' has no tab"):
        load_task("antique", path=folder)


def test_a_folder_that_is_not_there_is_named_with_its_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Antique; .*antique-collection\.txt, .*\.qrel"):
        load_task("antique", path=tmp_path / "no")
