"""A run in stages, put together from its config."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import optax
import pytest

from bscl_jax import assemble, config, parallel, shuffling, training
from bscl_jax.assemble import _road, _steps
from bscl_jax.types import PairBatch, Pairs

TEXT = """
run: {dir: runs/example, seed: 3}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: batch_softmax, temperature: 0.2, train_temperature: true}
shuffling: {kind: random}
training: {epochs: 2}
evaluation: {measure: desk/mrr}
stages:
- {}
- {name: fine, loss: {kind: cosine_mse}, shuffling: {kind: file_order}, training: {epochs: 3}}
"""

N, NUM_BATCHES = 12, 4
PAIRS = Pairs([f"query {i}" for i in range(N)], ["target"] * N)


def parse(*overrides: str) -> config.Config:
    return config.parse(TEXT, overrides)


def stages(*overrides: str) -> list[assemble.Stage]:
    return assemble.list_stages(parse(*overrides))


def test_epochs_are_numbered_on_through_the_stages() -> None:
    assert [(stage.name, list(stage.epochs)) for stage in stages()] == [
        ("batch_softmax", [1, 2]),
        ("fine", [3, 4, 5]),
    ]
    names = [assemble.stage_of(stages(), epoch).name for epoch in range(6)]
    assert names == ["batch_softmax"] * 3 + ["fine"] * 3


EMBEDS = assemble.Embeds(lambda *_: np.zeros(0), lambda *_: np.zeros(0))


def test_the_order_is_that_of_the_epochs_stage_and_draws_by_the_epoch_of_the_run() -> None:
    override = "stages=[{}, {shuffling: {kind: file_order}}, {}]"
    order = assemble.make_order(parse(override), PAIRS, EMBEDS)
    assert order({}, 3).tolist() == order({}, 4).tolist() == list(range(N))
    for epoch in (1, 2, 5, 6):
        np.testing.assert_array_equal(order({}, epoch), shuffling.random(N, seed=(3, epoch)))


def test_the_order_of_each_epoch_of_a_stage_must_be_there_before_training(tmp_path) -> None:
    for epoch in (3, 4):
        shuffling.write_order(shuffling.epoch_path(tmp_path, epoch), np.arange(N))
    saved = f"{{shuffling: {{kind: file, path: {tmp_path}}}, training: {{epochs: %d}}}}"
    assemble.check_order(parse(f"stages=[{{}}, {saved % 2}]"), N)
    with pytest.raises(FileNotFoundError, match=r"epoch-005\.txt: no such order"):
        assemble.check_order(parse(f"stages=[{{}}, {saved % 3}]"), N)


def test_settings_of_a_stage_that_do_not_fit_are_named_with_their_place() -> None:
    override = "stages=[{}, {shuffling: {kind: by_example, count: texts}}]"
    with pytest.raises(ValueError, match=r"^stages\.1\.shuffling: count: texts needs"):
        assemble.check_order(parse(override), N)
    override = "stages=[{}, {loss: {kind: pearson, matryoshka_dims: [9]}}]"
    encoder: Any = SimpleNamespace(dimension=8)
    with pytest.raises(ValueError, match=r"^stages\.1\.loss\.matryoshka_dims: must be different"):
        _road.start_params(stages(override), encoder, {})


def test_parameters_are_those_of_all_stages_and_start_as_in_the_first_that_trains_them() -> None:
    sigmoid = "{kind: sigmoid, train_temperature: true, temperature: 9, train_bias: true, bias: -3}"
    encoder: Any = SimpleNamespace(dimension=8)
    listed = stages(f"stages=[{{loss: {{kind: cosine_mse}}}}, {{}}, {{loss: {sigmoid}}}]")
    params = _road.start_params(listed, encoder, {"bias": 0})
    assert sorted(params) == ["encoder", "log_temperature", "logit_bias"]
    assert float(np.exp(params["log_temperature"])) == pytest.approx(0.2)
    assert params["logit_bias"] == -3


def test_the_temperature_of_a_model_is_that_of_the_stage_that_made_it() -> None:
    params = {"log_temperature": np.log(0.3)}
    fixed = "{loss: {train_temperature: false}}"
    losses = [stage.section.loss for stage in stages(f"stages=[{{}}, {fixed}]")]
    assert [assemble.temperature(loss, params) for loss in losses] == [pytest.approx(0.3), 0.2]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the steps of the stages are given: number of the stage, batch, key."""
    given: list[tuple] = []
    made = []

    def make_step(*_: Any, **__: Any) -> Any:
        made.append(None)
        number = len(made)
        return lambda state, batch, key: given.append((number, batch, key)) or (state, {})

    monkeypatch.setattr(training, "make_step", make_step)
    return given


def take(epochs: range, *overrides: str) -> None:
    whole = parse(*overrides)
    listed = assemble.list_stages(whole)
    optimizers = _steps.make_optimizers(listed, NUM_BATCHES)
    steps = _steps.make_steps(whole.training, listed, optimizers, None, parallel.make_mesh(1))
    step = _steps.by_epoch(whole.training, listed, steps)
    leaves: Any = (None,) * 6
    for epoch in epochs:
        step(epoch)(None, PairBatch(*leaves, extras="extras", extra_ids="ids"), "key")


def test_each_epoch_is_trained_by_the_step_of_its_stage(taken: list[tuple]) -> None:
    take(range(1, 6))
    assert [number for number, *_ in taken] == [1, 1, 2, 2, 2]


def test_extra_candidates_are_left_out_of_a_stage_that_has_no_use_for_them(taken) -> None:
    take(range(2, 4))
    assert [(batch.extras, batch.extra_ids) for _, batch, _ in taken] == [
        ("extras", "ids"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("dropout_epochs", "keys"),
    [
        ("null", ["key"] * 5),
        ("0", [None] * 5),
        ("1", ["key", *[None] * 4]),
        ("3", ["key"] * 3 + [None] * 2),
    ],
)
def test_there_is_dropout_in_the_first_epochs_only(dropout_epochs, keys, taken) -> None:
    take(range(1, 6), f"training.dropout_epochs={dropout_epochs}")
    assert [key for *_, key in taken] == keys


def test_the_optimizer_begins_anew_in_a_later_stage_alone_and_with_its_own_schedule() -> None:
    listed = stages(
        "stages=[{}, {optimizer: {warmup: 0, learning_rate: 1}, training: {epochs: 1}}]"
    )
    optimizers = _steps.make_optimizers(listed, NUM_BATCHES)
    mesh = parallel.make_mesh(1)
    begin = _steps.make_begin(listed, optimizers, mesh)
    params = {"encoder": np.ones(2, np.float32)}
    state = training.init_state(params, optimizers[0], mesh=mesh)
    _, opt_state = optimizers[0].update(params, state.opt_state, params)
    state = state._replace(opt_state=opt_state, step=state.step + 1)
    assert begin(state, 1) is state
    assert begin(state, 2) is state
    anew = begin(state, 3)
    assert anew.step == 1
    jax.tree.map(np.testing.assert_array_equal, anew.params, state.params)
    jax.tree.map(np.testing.assert_array_equal, anew.opt_state, optimizers[1].init(params))
    rates = []
    for _ in range(NUM_BATCHES):
        _, opt_state = optimizers[1].update(params, anew.opt_state, params)
        anew = anew._replace(opt_state=opt_state)
        rates.append(float(optax.tree.get(opt_state, "learning_rate")))
    assert rates == pytest.approx([0.8, 0.6, 0.4, 0.2])
