"""What is said of the data before a run."""

import pytest

from bscl_jax.cli._data import describe_data
from bscl_jax.types import Pairs, RetrievalSet, Task
from tests.example_run import PAIRS, parse


@pytest.mark.parametrize(("relevant", "warns"), [([(0, 1), (0, 1)], True), ([(0, 1), (1,)], False)])
def test_a_set_on_which_any_model_is_right_is_warned_of(relevant, warns) -> None:
    dev = RetrievalSet(queries=("a", "b"), corpus=("c", "d"), relevant=tuple(relevant))
    lines = describe_data(parse(), Task(train=Pairs(*PAIRS[:2]), dev={"desk": dev}, test={}))
    message = "warning: dev/desk: every text answers every query, so any model scores 1; give rows"
    assert any(line.startswith(message) for line in lines) == warns


@pytest.mark.parametrize("kind", ["cosine_mse", "batch_softmax"])
@pytest.mark.parametrize("scores", [None, [1.0] * 12, [0.0, 1.0] * 6])
def test_a_loss_that_draws_all_texts_together_is_warned_of(kind, scores) -> None:
    pairs = PAIRS._replace(scores=scores)
    lines = describe_data(parse(f"loss={{kind: {kind}}}"), Task(train=pairs, dev={}, test={}))
    warns = any("cosine_mse draws all texts together" in line for line in lines)
    assert warns == (kind == "cosine_mse" and scores != [0.0, 1.0] * 6)
