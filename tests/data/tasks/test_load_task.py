import shutil

import pytest

from bscl_jax.data import DataError, load_task
from tests.data.tasks.small_files import WRITERS


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"unknown task 'riddles'; known are .*pairs, lists, retrieval, hub"
    ):
        load_task("riddles")


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(
        TypeError,
        match="task 'pairs': got an unexpected keyword argument 'tset'; "
        "its options are train, dev, test, columns, label_range",
    ):
        load_task("pairs", train="a.tsv", dev="b.tsv", tset="c.tsv")


def test_a_missing_option_is_named():
    with pytest.raises(TypeError, match=r"task 'pairs': missing a required .*argument: 'dev'"):
        load_task("pairs", train="a.tsv")


def test_an_option_of_a_task_without_options_is_refused():
    with pytest.raises(TypeError, match=r"task 'library_desk': .*'folder'; its options are none"):
        load_task("library_desk", folder="x")


def test_a_test_split_that_is_dev_again_is_refused_in_every_task_with_both(tmp_path):
    for kind in ("stsb", "mrpc", "qqp", "cqa_a"):
        folder = WRITERS[kind](tmp_path / kind)
        shutil.copy(folder / "dev.tsv", folder / "test.tsv")
        with pytest.raises(DataError, match=r"dev and test hold the same \d+ pairs"):
            load_task(kind, path=folder)
