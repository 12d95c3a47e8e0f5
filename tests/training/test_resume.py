from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from bscl_jax import checkpoint, training
from tests.training import toy_run
from tests.training.toy_run import Log, Memory, SlowMemory


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder, log = tmp_path_factory.mktemp("uninterrupted"), Log()
    with checkpoint.Checkpoints(folder) as checkpoints:
        outcome = toy_run.run(checkpoints, log)
    return outcome, log, best_of(folder)


def best_of(folder: Path) -> tuple[dict, dict]:
    target = {"params": toy_run.init_state().params}
    with checkpoint.Checkpoints(folder) as checkpoints:
        return checkpoints.restore_best(target, partial=True)


def assert_same_run(outcome: training.Outcome, log: Log, uninterrupted: tuple) -> None:
    """Compare state, choice of the best, evaluations and log, bit for bit."""
    expected, expected_log, _ = uninterrupted
    jax.tree.map(np.testing.assert_array_equal, outcome.state, expected.state)
    assert outcome.best == expected.best
    assert outcome.evaluations == expected.evaluations
    assert log.lines == expected_log.lines


def interrupt_at_call(number: int, function: Callable) -> Callable:
    """Return the function, raising Interrupted instead of its n-th call (from 1)."""
    calls = 0

    def interrupted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise training.Interrupted
        return function(*arguments)

    return interrupted


def test_the_toy_run_has_all_that_a_resume_could_get_wrong(uninterrupted: tuple) -> None:
    outcome, log, _ = uninterrupted
    assert [record["event"] for record in log.lines] == [
        "evaluation",
        *(["step"] * toy_run.NUM_BATCHES + ["evaluation"]) * toy_run.NUM_EPOCHS,
    ]
    assert 0 < outcome.best.epoch < toy_run.NUM_EPOCHS
    first = toy_run.order(toy_run.init_state().params, 1).tolist()
    assert toy_run.order(outcome.state.params, 1).tolist() != first


def test_the_second_stage_of_the_toy_run_has_a_learning_rate_and_a_loss_of_its_own(
    uninterrupted: tuple,
) -> None:
    steps = [record for record in uninterrupted[1].lines if record["event"] == "step"]
    *_, last = (step for step in steps if step["epoch"] < toy_run.SECOND_STAGE)
    first = next(step for step in steps if step["epoch"] == toy_run.SECOND_STAGE)
    assert first["step"] == last["step"] + 1
    assert first["learning_rate"] > 2 * last["learning_rate"]


@pytest.mark.parametrize("steps", range(toy_run.NUM_STEPS + 1))
def test_a_run_stopped_after_any_step_and_resumed_equals_the_uninterrupted_one(
    steps: int, uninterrupted: tuple
) -> None:
    checkpoints, log = Memory(), Log()
    around, stop = toy_run.stop_after(steps)
    with pytest.raises(training.Interrupted, match=f"stopped after step {steps} "):
        toy_run.run(checkpoints, log, around, stop=stop)
    assert_same_run(toy_run.run(checkpoints, log), log, uninterrupted)


@pytest.mark.parametrize("steps", [0, 1, 6, 8])
def test_the_same_holds_with_checkpoints_on_the_disk_and_for_the_best_of_them(
    steps: int, tmp_path: Path, uninterrupted: tuple
) -> None:
    log = Log()
    around, stop = toy_run.stop_after(steps)
    with checkpoint.Checkpoints(tmp_path) as before, pytest.raises(training.Interrupted):
        toy_run.run(before, log, around, stop=stop)
    with checkpoint.Checkpoints(tmp_path) as after:
        assert_same_run(toy_run.run(after, log), log, uninterrupted)
    jax.tree.map(np.testing.assert_array_equal, best_of(tmp_path)[0], uninterrupted[2][0])


def test_a_run_stopped_again_and_again_equals_the_uninterrupted_one(uninterrupted: tuple) -> None:
    checkpoints, log = Memory(), Log()
    for _ in range(3):
        around, stop = toy_run.stop_after(2)
        with pytest.raises(training.Interrupted):
            toy_run.run(checkpoints, log, around, stop=stop)
    assert_same_run(toy_run.run(checkpoints, log), log, uninterrupted)


@pytest.mark.parametrize(
    ("name", "call"),
    [("order", 1), ("order", 2), ("order", 3), ("evaluate", 1), ("batch", 1), ("batch", 7)],
)
def test_a_stop_inside_a_callback_loses_nothing(name: str, call: int, uninterrupted: tuple) -> None:
    checkpoints, log = Memory(), Log()
    callback = interrupt_at_call(call, getattr(toy_run, name))
    with pytest.raises(training.Interrupted, match="stopped after step"):
        toy_run.run(checkpoints, log, **{name: callback})
    assert_same_run(toy_run.run(checkpoints, log), log, uninterrupted)


@pytest.mark.parametrize("call", range(1, toy_run.NUM_STEPS + 1))
@pytest.mark.parametrize("write_steps", [0, 1, 2, 100], ids="a write of {} steps".format)
def test_a_crash_in_any_step_repeats_at_most_one_save_interval_and_the_steps_of_one_write(
    write_steps: int, call: int, uninterrupted: tuple
) -> None:
    checkpoints, log = SlowMemory(write_steps), Log()
    calls = 0

    def around(step: training.Step) -> Callable:
        def crash(*arguments: Any) -> tuple:
            nonlocal calls
            checkpoints.go_on(calls)
            calls += 1
            if calls == call:
                raise MemoryError
            return step(*arguments)

        return crash

    with pytest.raises(MemoryError):
        toy_run.run(checkpoints, log, around)
    repeated = call - 1 - max(checkpoints.steps(), default=0)
    assert repeated < toy_run.SAVE_EVERY + min(write_steps, toy_run.SAVE_EVERY)
    assert_same_run(toy_run.run(checkpoints, log), log, uninterrupted)


def test_resuming_a_finished_run_takes_no_step(uninterrupted: tuple) -> None:
    checkpoints, log = Memory(), Log()
    toy_run.run(checkpoints, log)

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is left to do")

    refusing = dict.fromkeys(("order", "begin", "batch", "evaluate"), refuse)
    outcome = toy_run.run(checkpoints, log, baseline=None, **refusing)
    assert_same_run(outcome, log, uninterrupted)


def test_a_stop_right_after_resuming_keeps_the_score_of_the_checkpoint(tmp_path: Path) -> None:
    # Stops when epoch 1 is over and evaluated, and again before the first step of epoch 2.
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        second_order = interrupt_at_call(2, toy_run.order)
        with pytest.raises(training.Interrupted):
            toy_run.run(checkpoints, Log(), order=second_order, baseline=None)
    before = best_of(tmp_path)
    with checkpoint.Checkpoints(tmp_path) as checkpoints, pytest.raises(training.Interrupted):
        toy_run.run(checkpoints, Log(), stop=lambda: True, rewind=lambda _: None)
    jax.tree.map(np.testing.assert_array_equal, best_of(tmp_path), before)
