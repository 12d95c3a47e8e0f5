"""A run in stages: softmax with a trained temperature, then squares of the cosines."""

from collections.abc import Iterator

import pytest

from tests.end_to_end import tiny
from tests.end_to_end.test_resume import STOPPED, a_signal_after, assert_equal_runs

STAGES = (
    "training.epochs=1",
    "training.dropout_epochs=1",
    "stages=[{name: apart}, {loss: {kind: cosine_mse}, shuffling: {kind: random}, "
    "optimizer: {warmup: 1, bias_correction: true}}]",
    *tiny.GRADED,
)
FIRST, LAST = tiny.NUM_BATCHES, 2 * tiny.NUM_BATCHES
"""The last steps of the two stages."""


@pytest.fixture(scope="module", autouse=True)
def compiled_steps() -> Iterator[None]:
    with tiny.shared_step("stages", stages=2):
        yield


@pytest.fixture(scope="module")
def staged(tiny_config, tmp_path_factory):
    """The folder of the run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("staged") / "run"
    assert tiny.train(tiny_config, folder, *STAGES) == 0
    return folder


@pytest.mark.parametrize(
    ("event", "where"),
    [
        pytest.param("step", {"step": FIRST - 1}, id="within the first stage"),
        pytest.param("evaluation", {"epoch": 1}, id="before the second stage"),
        pytest.param("step", {"step": FIRST + 1}, id="after the first step of the second"),
    ],
)
def test_a_run_stopped_around_the_end_of_a_stage_and_resumed_equals_one_that_was_not(
    event, where, staged, tiny_config, tmp_path
):
    def wanted(record):
        return record["event"] == event and where.items() <= record.items()

    with a_signal_after(wanted):
        assert tiny.train(tiny_config, tmp_path / "run", *STAGES) == STOPPED
    assert tiny.train(tiny_config, tmp_path / "run", *STAGES, resume=True) == 0
    assert_equal_runs(tmp_path / "run", staged)


def test_the_second_stage_begins_a_schedule_and_leaves_the_temperature_alone(staged):
    steps = tiny.records(staged, "step")
    assert [step["step"] for step in steps] == list(range(1, LAST + 1))
    rates = [step["learning_rate"] / tiny.LEARNING_RATE for step in steps[FIRST:]]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1])
    temperatures = [step["temperature"] for step in steps]
    assert len(set(temperatures[:FIRST])) == FIRST
    assert len(set(temperatures[FIRST:])) == 1
    assert temperatures[FIRST] != temperatures[FIRST - 1]


def test_results_and_report_name_the_stages(staged):
    found = tiny.results(staged)
    assert found["stages"] == [
        {"name": "apart", "first_epoch": 1, "last_epoch": 1},
        {"name": "cosine_mse", "first_epoch": 2, "last_epoch": 2},
    ]
    assert found["best_stage"] == ("cosine_mse" if found["best_epoch"] == 2 else "apart")
    report = (staged / "report.html").read_text()
    assert f"epoch {found['best_epoch']} of 2, " in report
    assert "apart (epoch 1), cosine_mse (epoch 2)" in report
    assert ">cosine_mse<" in report


def test_a_config_of_one_stage_trains_as_one_without(tiny_config, reference, tmp_path):
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, tmp_path / "run", "stages=[{}]") == 0
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == (
        reference / "metrics.jsonl"
    ).read_bytes()
    plain = tiny.results(reference)
    found = tiny.results(tmp_path / "run")
    assert {name: found[name] for name in plain} == plain
    assert found.keys() - plain.keys() == {"stages", "best_stage"}
