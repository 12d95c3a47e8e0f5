"""Configs that list stages."""

from pathlib import Path

import pytest

from bscl_jax import config

GOOD = """
run: {dir: runs/example}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: combo, mu: 0.3, temperature: 0.2}
shuffling: {kind: random}
training: {epochs: 7}
evaluation: {measure: unseen/mrr}
"""


def parse(stages: str, *overrides: str) -> list[config.Stage]:
    return config.list_stages(config.parse(f"{GOOD}stages: {stages}\n", overrides))


def mistakes(stages: str, *overrides: str) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        parse(stages, *overrides)
    return str(caught.value).splitlines()


def test_a_config_without_stages_is_one_stage_as_its_sections_say() -> None:
    whole = config.parse(GOOD)
    (stage,) = config.list_stages(whole)
    assert whole.stages == []
    assert (stage.loss, stage.shuffling, stage.optimizer, stage.training.epochs) == (
        whole.loss,
        whole.shuffling,
        whole.optimizer,
        7,
    )


def test_what_a_stage_does_not_say_is_as_in_the_sections_of_the_config() -> None:
    first, second = parse("[{}, {training: {epochs: 2}, optimizer: {warmup: 0}}]")
    assert first.loss == second.loss == config.ComboLoss("combo", mu=0.3, temperature=0.2)
    assert (first.training.epochs, second.training.epochs) == (7, 2)
    assert (first.optimizer.warmup, second.optimizer.warmup) == (0.1, 0)


def test_a_loss_of_the_same_kind_is_merged_and_one_of_another_kind_replaces() -> None:
    first, second = parse("[{loss: {mu: 0.5}}, {loss: {kind: batch_softmax}}]")
    assert first.loss == config.ComboLoss("combo", mu=0.5, temperature=0.2)
    assert second.loss == config.BatchSoftmaxLoss("batch_softmax")


def test_an_override_of_a_section_reaches_the_stages_that_do_not_say_otherwise() -> None:
    first, second = parse("[{}, {training: {epochs: 2}}]", "training.epochs=1", "loss.mu=0.9")
    assert (first.training.epochs, second.training.epochs) == (1, 2)
    assert first.loss == second.loss == config.ComboLoss("combo", mu=0.9, temperature=0.2)


def test_stages_may_be_given_on_the_command_line() -> None:
    (stage,) = config.parse(GOOD, ["stages=[{name: a, loss: {mu: 0.5}}]"]).stages
    assert stage.name == "a"
    assert stage.loss == config.ComboLoss("combo", mu=0.5, temperature=0.2)


def test_a_dumped_config_has_whole_stages_and_reads_back_equal() -> None:
    whole = config.parse(f"{GOOD}stages: [{{}}, {{loss: {{kind: pearson}}}}]")
    assert config.parse(config.dump(whole)) == whole
    assert config.as_dict(whole)["stages"][1]["shuffling"] == {"kind": "random"}


def test_stages_replace_those_of_the_base(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text(f"{GOOD}stages: [{{name: a}}, {{name: b}}]\n")
    above = tmp_path / "above.yaml"
    above.write_text("base: below.yaml\nloss: {mu: 0.5}\nstages: [{name: c}]\n")
    (stage,) = config.load(above).stages
    assert (stage.name, stage.loss) == ("c", config.ComboLoss("combo", mu=0.5, temperature=0.2))


def test_every_mistake_of_a_stage_is_named_with_its_place() -> None:
    assert mistakes("[{}, {loss: {mu: 2}, training: {epoch: 3}, lss: 1}]") == [
        "config:9:22: stages.1.loss.mu: must be less than or equal to 1, was 2",
        "config:9:41: stages.1.training.epoch: unknown key; did you mean 'epochs'? known here: "
        "epochs",
        "config:9:52: stages.1.lss: unknown key; did you mean 'loss'? known here: loss, "
        "shuffling, optimizer, training, name",
    ]


def test_an_unknown_kind_in_a_stage_lists_the_known_ones() -> None:
    (line,) = mistakes("[{shuffling: {kind: randm}}]")
    assert line.startswith("config:9:23: stages.0.shuffling.kind: must be one of 'by_example', ")


def test_what_a_stage_took_over_is_named_once() -> None:
    assert mistakes("[{}, {name: b}]", "loss.mu=2", "optimizer.warmup=3") == [
        "--set: loss.mu: must be less than or equal to 1, was 2",
        "--set: optimizer.warmup: must be less than or equal to 1, was 3",
    ]


@pytest.mark.parametrize(
    ("stages", "line"),
    [
        ("{name: a}", "config:9:1: stages: must be a valid list, was {'name': 'a'}"),
        ("[3]", "config:9:10: stages.0: must be a section, with keys below it, was 3"),
    ],
)
def test_what_is_no_list_of_stages_is_named(stages: str, line: str) -> None:
    assert mistakes(stages) == [line]
