"""A short run on small files of each task of the paper, with its own configs."""

import pytest

from tests.conftest import REPOSITORY
from tests.data.tasks.small_files import WRITERS
from tests.end_to_end import tiny

SMALL = (
    "encoder={kind: random, num_layers: 1, hidden_size: 16, max_length: 16}",
    "training.batch_size=4",
    "training.epochs=1",
    "training.num_shapes=1",
    "training.devices=1",
    "export.format=none",
)
CASES = {
    "stsb": "combo",
    "mrpc": "bsc",
    "qqp": "mse",
    "pfcc_s": "bsc",
    "cqa_a": "triplet",
    "cqa_b": "combo",
    "antique": "bsc",
}
"""For each task one of its configs; together they have every loss of the paper but Pearson's."""
TASKS_OPTIONS = {"qqp": ("data.num_train=8",), "cqa_b": ("data.extra=false",)}


@pytest.mark.parametrize("task", WRITERS)
def test_a_task_trains_two_steps_and_is_judged(task, tmp_path):
    folder = WRITERS[task](tmp_path / "data")
    config = REPOSITORY / "configs" / task / f"{CASES[task]}.yaml"
    options = (f"data.path={folder}", *SMALL, *TASKS_OPTIONS.get(task, ()))
    assert tiny.train(config, tmp_path / "run", *options) == 0
    assert len(tiny.losses(tmp_path / "run")) >= 2
    results = tiny.results(tmp_path / "run")
    assert tiny.is_finite(results["test"])
    assert results["test"].keys() == results["baseline"].keys() == results["dev"].keys()
