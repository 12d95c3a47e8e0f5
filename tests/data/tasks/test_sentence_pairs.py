"""STSb, MRPC and QQP: sentence1, sentence2, label."""

import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.types import BinaryPairs, ScoredPairs
from tests.data.tasks.small_files import PAIR, WRITERS, write, write_pairs


def test_grades_train_from_zero_to_one_and_judge_as_they_are(tmp_path):
    task = load_task("stsb", path=WRITERS["stsb"](tmp_path))
    assert task.train.scores is not None
    assert task.train.scores[:3] == (0.0, 1.0, 0.64)
    dev = task.dev["pairs"]
    assert isinstance(dev, ScoredPairs)
    assert dev.scores[:3] == (0.0, 5.0, 3.2)


def test_a_quote_is_a_character_like_others(tmp_path):
    task = load_task("mrpc", path=WRITERS["mrpc"](tmp_path))
    assert task.train.queries[0] == 'a "text about tax'
    assert task.train.targets[0] == "the book about tax"


@pytest.mark.parametrize("kind", ["mrpc", "qqp"])
def test_the_threshold_for_the_test_is_searched_on_dev(kind, tmp_path):
    task = load_task(kind, path=WRITERS[kind](tmp_path))
    dev, test = task.dev["pairs"], task.test["pairs"]
    assert isinstance(dev, BinaryPairs)
    assert isinstance(test, BinaryPairs)
    assert dev.fit is None
    assert test.fit == dev
    assert test.first[0] == 'a "text of tax'
    assert set(test.labels) == {0, 1}


def test_labels_train_as_scores(tmp_path):
    scores = load_task("mrpc", path=WRITERS["mrpc"](tmp_path)).train.scores
    assert scores == (1.0, 0.0) * 4


def test_a_number_of_training_pairs_is_drawn_and_keeps_the_order_of_the_file(tmp_path):
    folder = WRITERS["qqp"](tmp_path)
    whole = load_task("qqp", path=folder).train
    drawn = load_task("qqp", path=folder, num_train=5).train
    places = [whole.queries.index(query) for query in drawn.queries]
    assert len(places) == 5
    assert places == sorted(places)
    assert whole.scores is not None
    assert drawn.scores == tuple(whole.scores[place] for place in places)


def test_another_seed_draws_other_pairs(tmp_path):
    folder = WRITERS["qqp"](tmp_path)
    draws = {load_task("qqp", path=folder, num_train=4, seed=seed).train for seed in range(5)}
    assert len(draws) > 1
    assert load_task("qqp", path=folder, num_train=4, seed=3).train in draws


def test_more_pairs_than_there_are_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="num_train must be at most the 8 pairs there are, was 9"):
        load_task("qqp", path=WRITERS["qqp"](tmp_path), num_train=9)


def test_extra_positives_are_read_if_they_are_asked_for(tmp_path):
    folder = WRITERS["qqp"](tmp_path)
    write(folder, "train_extra_positives.tsv", PAIR, "x\ty\t1")
    assert len(load_task("qqp", path=folder).train.queries) == 8
    train = load_task("qqp", path=folder, extra=True).train
    assert (train.queries[-1], train.targets[-1]) == ("x", "y")


def test_a_folder_that_is_not_there_is_named_with_what_belongs_in_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load_task("stsb", path=tmp_path / "no")
    assert str(caught.value).startswith(
        f"{tmp_path}/no: no such folder for the data of STSb; set data.path to one with "
        "train.tsv, dev.tsv, test.tsv"
    )


def test_the_mistakes_of_all_files_are_in_one_message(tmp_path):
    folder = write_pairs(tmp_path, ("1", "0"))
    write(folder, "train.tsv", PAIR, "a\tb\t2")
    (folder / "test.tsv").unlink()
    with pytest.raises(DataError) as caught:
        load_task("mrpc", path=folder)
    label, missing = str(caught.value).splitlines()
    assert "train.tsv, line 2, column 'label': '2' is unknown; write one of 0, 1" in label
    assert "test.tsv: no such file" in missing
