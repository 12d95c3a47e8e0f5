import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from bscl_jax import checkpoint, training
from tests.checkpoint.test_golden import GOLDEN
from tests.training import toy_run
from tests.training.toy_run import Log

NAN = float("nan")


def fake_run(**changes: Any) -> tuple[training.Outcome, list[str]]:
    """Run 2 epochs of 3 batches with a step that only notes what is called when."""
    calls: list[str] = []

    class Loss(float):
        def __float__(self) -> float:
            calls.append(f"read loss {self:.0f}")
            return super().__float__()

    def step(state: training.State, batch: str, key: None) -> tuple:
        calls.append(f"step on {batch}")
        number = int(state.step) + 1
        return state._replace(step=number), {"loss": Loss(number), "gradient_norm": 1.0}

    def order(params: str, epoch: int) -> np.ndarray:
        calls.append(f"order {epoch}")
        return np.arange(6)

    def batch(rows: np.ndarray, k: int) -> str:
        calls.append(f"make batch {k}")
        return f"batch {k}"

    def evaluate(params: str) -> dict[str, float]:
        calls.append("evaluate")
        return {"dev/mrr": 0.5}

    options = {
        "key": None,
        "num_epochs": 2,
        "num_batches": 3,
        "order": order,
        "batch": batch,
        "evaluate": evaluate,
        "measure": "dev/mrr",
        "save": lambda step, *_: calls.append(f"save {step}"),
    }
    state = training.State("params", (), 0)
    step = changes.pop("step", step)
    return training.train(state, lambda epoch: step, **options | changes), calls


def with_scores(*scores: float) -> Callable:
    remaining = list(scores)
    return lambda params: {"dev/mrr": remaining.pop(0)}


def test_things_happen_in_order_and_the_next_batch_is_made_while_a_step_runs() -> None:
    _, calls = fake_run(num_epochs=1)
    assert calls == [
        "order 1",
        "make batch 0",
        "step on batch 0",
        "make batch 1",
        "read loss 1",
        "step on batch 1",
        "make batch 2",
        "step on batch 2",
        "read loss 2",
        "read loss 3",
        "evaluate",
        "save 3",
    ]


def test_batches_are_made_in_a_row_when_the_last_one_was_taken() -> None:
    _, calls = fake_run(num_epochs=1, num_batches=6, ahead=2)
    taken = [call for call in calls if "batch" in call]
    assert taken == [
        "make batch 0",
        "step on batch 0",
        "make batch 1",
        "make batch 2",
        "step on batch 1",
        "step on batch 2",
        "make batch 3",
        "make batch 4",
        "step on batch 3",
        "step on batch 4",
        "make batch 5",
        "step on batch 5",
    ]


def test_each_epoch_asks_for_its_step_and_begins_once_after_its_order() -> None:
    asked: list[Any] = []

    def order(params: str, epoch: int) -> np.ndarray:
        asked.append(f"order {epoch}")
        return np.arange(6)

    def begin(state: training.State, epoch: int) -> training.State:
        asked.append(f"begin {epoch} after step {state.step}")
        return state._replace(params=f"params of {epoch}")

    def step(state: training.State, batch: str, key: None) -> tuple:
        asked.append(state.params)
        return state._replace(step=state.step + 1), {"loss": 1.0}

    fake_run(step=step, order=order, begin=begin)
    assert asked == [
        *["order 1", "begin 1 after step 0", *["params of 1"] * 3],
        *["order 2", "begin 2 after step 3", *["params of 2"] * 3],
    ]


def test_each_step_and_each_evaluation_is_logged_and_then_shown() -> None:
    log, shown = [], []
    fake_run(log=log.append, progress=shown.append, baseline={"dev/mrr": 0.25})
    assert log == shown
    assert log[:2] == [
        {"event": "evaluation", "epoch": 0, "step": 0, "dev": {"dev/mrr": 0.25}},
        {"event": "step", "epoch": 1, "batch": 0, "step": 1, "loss": 1.0, "gradient_norm": 1.0},
    ]
    assert [record["step"] for record in log] == [0, 1, 2, 3, 3, 4, 5, 6, 6]
    assert [record["epoch"] for record in log] == [0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_a_new_run_empties_the_log() -> None:
    cuts = []
    fake_run(rewind=cuts.append)
    assert cuts == [0]


def test_a_checkpoint_is_saved_every_so_many_steps_and_after_each_epoch() -> None:
    _, calls = fake_run(save_every=2)
    saves = [call for call in calls if call.startswith("save")]
    assert saves == ["save 2", "save 3", "save 4", "save 6", "save 6"]
    # Step 6 is saved when it is due, and again when it has a score.
    assert calls[-3:] == ["save 6", "evaluate", "save 6"]


def test_only_evaluated_parameters_have_a_score() -> None:
    scores = []
    fake_run(
        save_every=2, save=lambda *it: scores.append((it[0], it[3])), baseline={"dev/mrr": 0.1}
    )
    assert scores == [(0, 0.1), (2, None), (3, 0.5), (4, None), (6, None), (6, 0.5)]


@pytest.mark.parametrize(
    ("baseline", "scores", "best"),
    [
        (None, (0.1, 0.2), training.Best(2, 6, 0.2)),
        (None, (0.2, 0.1), training.Best(1, 3, 0.2)),
        (None, (0.2, 0.2), training.Best(1, 3, 0.2)),
        (None, (NAN, 0.1), training.Best(2, 6, 0.1)),
        (None, (NAN, NAN), None),
        ({"dev/mrr": 0.3}, (0.1, 0.2), training.Best(0, 0, 0.3)),
    ],
)
def test_the_best_is_the_highest_and_of_equals_the_first(
    baseline: dict | None, scores: tuple, best: training.Best | None
) -> None:
    outcome, _ = fake_run(baseline=baseline, evaluate=with_scores(*scores))
    assert outcome.best == best


def test_a_score_that_is_not_defined_is_logged_as_none() -> None:
    outcome, _ = fake_run(evaluate=with_scores(NAN, 0.5))
    assert [record["dev"] for record in outcome.evaluations] == [
        {"dev/mrr": None},
        {"dev/mrr": 0.5},
    ]


def test_training_that_makes_it_worse_leaves_the_parameters_from_before_as_the_best(
    tmp_path: Path,
) -> None:
    before = toy_run.init_state().params
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        outcome = toy_run.run(checkpoints, Log(), baseline={"toy/score": 2.0})
        assert outcome.best.epoch == 0
        best, _ = checkpoints.restore_best({"params": before}, partial=True)
    jax.tree.map(np.testing.assert_array_equal, best["params"], before)


@pytest.mark.parametrize("name", ["loss", "gradient_norm"])
@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_a_step_that_is_not_finite_ends_the_run_and_reaches_no_checkpoint(
    name: str, value: float
) -> None:
    saved, log = [], []

    def step(state: training.State, batch: str, key: None) -> tuple:
        facts = {"loss": 1.0, "gradient_norm": 1.0}
        if state.step == 4:
            facts[name] = value
        return state._replace(step=state.step + 1), facts

    message = rf"{name} is {value} at step 5 \(epoch 2, batch 1\); no checkpoint holds"
    with pytest.raises(FloatingPointError, match=message):
        fake_run(step=step, save=lambda *it: saved.append(it[0]), log=log.append, save_every=1)
    assert saved == [1, 2, 3, 3, 4]
    assert log[-1]["step"] == 4


def step_with_losses(*losses: float) -> Callable:
    def step(state: training.State, batch: str, key: None) -> tuple:
        facts = {"loss": losses[state.step], "gradient_norm": 1.0}
        return state._replace(step=state.step + 1), facts

    return step


def test_steps_that_are_skipped_are_logged_as_such_and_counted_in_a_row() -> None:
    log, skipped = [], []
    fake_run(
        step=step_with_losses(1.0, NAN, NAN, 1.0, NAN, NAN),
        log=log.append,
        save=lambda step, tree, facts, score: skipped.append(facts["skipped"]),
        save_every=1,
        max_skips=2,
    )
    events = [record["event"] for record in log]
    assert events == ["step", "skip", "skip", "evaluation"] * 2
    assert log[1] == {
        **{"event": "skip", "epoch": 1, "batch": 1, "step": 2},
        **{"loss": None, "gradient_norm": 1.0},
    }
    assert skipped == [0, 1, 2, 2, 0, 1, 2, 2]


@pytest.mark.parametrize("resumed", [False, True])
def test_one_skip_more_in_a_row_than_may_be_ends_the_run(resumed: bool) -> None:
    last = {}

    def save(step: int, tree: dict, facts: dict, score: float | None) -> None:
        last[step] = (tree, facts)

    options = {"step": step_with_losses(1.0, NAN, NAN, NAN, 1.0, 1.0), "max_skips": 2}
    resume = None
    if resumed:
        with pytest.raises(training.Interrupted):
            fake_run(**options, save=save, save_every=1, stop=lambda: 2 in last)
        resume = last[2]
    message = r"nan at step 4 \(epoch 2, batch 0, the 2 steps before it were skipped too\)"
    with pytest.raises(training.NonFiniteError, match=message) as raised:
        fake_run(**options, resume=resume)
    assert raised.value.record["step"] == 4
    assert raised.value.order.tolist() == [*range(6)]


def test_a_measure_that_evaluation_does_not_have_is_an_error_before_the_first_step() -> None:
    with pytest.raises(ValueError, match=r"returns \(dev/map, dev/mrr\), got 'dev/f1'"):
        fake_run(measure="dev/f1", baseline={"dev/map": 0.1, "dev/mrr": 0.2}, step=None)


@pytest.mark.parametrize("name", ["num_epochs", "num_batches", "save_every", "ahead"])
def test_a_count_below_one_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        fake_run(**{name: 0})


def test_a_stop_before_the_first_order_leaves_nothing_to_save() -> None:
    def order(params: str, epoch: int) -> np.ndarray:
        raise training.Interrupted

    saved = []
    with pytest.raises(training.Interrupted, match=r"stopped after step 0 \(epoch 1, batch 0\)$"):
        fake_run(order=order, save=lambda *it: saved.append(it[0]))
    assert saved == []


def test_what_is_saved_already_is_not_saved_again_when_the_run_is_stopped() -> None:
    saved, log = [], []
    with pytest.raises(training.Interrupted, match="stopped after step 2 "):
        fake_run(
            save_every=1,
            save=lambda *it: saved.append(it[0]),
            log=log.append,
            stop=lambda: len(saved) == 2,
        )
    assert saved == [1, 2]
    assert [record["step"] for record in log] == [1, 2]


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("*/*/facts.json")), ids=lambda path: path.parts[-3]
)
def test_the_position_in_a_checkpoint_of_each_format_is_gone_on_from(path: Path) -> None:
    facts = json.loads(path.read_text())["content"]["facts"]
    tree = {"params": "params", "opt_state": (), "step": facts["step"], "order": np.arange(6)}
    outcome, calls = fake_run(resume=(tree, facts), evaluate=with_scores(0.25))
    assert calls == ["make batch 2", "step on batch 2", "read loss 6", "save 6"]
    assert outcome.best == training.Best(1, 3, 0.5)
