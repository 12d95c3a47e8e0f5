"""Configs that build on others."""

from pathlib import Path

import pytest

from bscl_jax import config

GOOD = """
run: {dir: runs/below}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: combo, mu: 0.3, temperature: 0.2}
shuffling: {kind: random}
training: {epochs: 7, batch_size: 9}
evaluation: {measure: unseen/mrr}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below.yaml").write_text(GOOD)
    return tmp_path


def write(folder: Path, text: str, name: str = "above.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_what_a_file_says_wins_over_its_base_key_by_key(folder: Path) -> None:
    found = config.load(write(folder, "base: below.yaml\ntraining: {epochs: 2}\n"))
    assert (found.training.epochs, found.training.batch_size) == (2, 9)
    assert found.run.dir == "runs/below"


def test_a_section_of_another_kind_replaces_that_of_the_base(folder: Path) -> None:
    found = config.load(write(folder, "base: below.yaml\nloss: {kind: batch_softmax}\n"))
    assert found.loss == config.BatchSoftmaxLoss(kind="batch_softmax")


def test_a_section_of_the_same_kind_is_merged(folder: Path) -> None:
    found = config.load(write(folder, "base: below.yaml\nloss: {kind: combo, mu: 0.5}\n"))
    assert isinstance(found.loss, config.ComboLoss)
    assert (found.loss.mu, found.loss.temperature) == (0.5, 0.2)


def test_a_base_without_a_kind_is_merged_into_whatever_kind_is_named(folder: Path) -> None:
    write(folder, "loss: {temperature: 0.05}\n", "common.yaml")
    both = write(folder, "base: [below.yaml, common.yaml]\nloss: {kind: combo}\n")
    assert config.load(both).loss == config.ComboLoss(kind="combo", mu=0.3, temperature=0.05)
    alone = write(
        folder, GOOD.replace("{kind: combo, mu: 0.3, temperature: 0.2}", "{kind: sigmoid}")
    )
    alone.write_text(f"base: common.yaml\n{alone.read_text()}")
    found = config.load(alone).loss
    assert isinstance(found, config.SigmoidLoss)
    assert found.temperature == 0.05


def test_a_base_is_looked_for_from_the_file_that_names_it(folder: Path) -> None:
    deep = write(folder, "base: ../below.yaml\nrun: {dir: runs/deep}\n", "deep/middle.yaml")
    found = config.load(write(folder, f"base: {deep.relative_to(folder)}\nrun: {{seed: 4}}\n"))
    assert (found.run.dir, found.run.seed, found.training.epochs) == ("runs/deep", 4, 7)


def test_of_several_bases_the_later_wins(folder: Path) -> None:
    write(folder, "training: {epochs: 3}\n", "quick.yaml")
    found = config.load(write(folder, "base: [below.yaml, quick.yaml]\n"))
    assert (found.training.epochs, found.training.batch_size) == (3, 9)


def test_an_override_wins_over_the_base(folder: Path) -> None:
    path = write(folder, "base: below.yaml\n")
    assert config.load(path, ["training.epochs=1"]).training.epochs == 1


def test_a_dumped_config_has_no_base(folder: Path) -> None:
    whole = config.load(write(folder, "base: below.yaml\n"))
    assert config.parse(config.dump(whole)) == whole


def test_a_mistake_is_placed_in_the_file_that_has_it(folder: Path) -> None:
    base = write(folder, GOOD.replace("epochs: 7", "epochs: 0"), "below.yaml")
    above = write(folder, "base: below.yaml\ntraining: {batch_size: 0}\nfoo: 1\n")
    with pytest.raises(config.ConfigError) as caught:
        config.load(above)
    batch_size, epochs, foo = sorted(str(caught.value).splitlines())
    assert batch_size.startswith(f"{above}:2:12: training.batch_size: must be")
    assert epochs.startswith(f"{above}:3:1: foo: unknown key")
    assert foo.startswith(f"{base}:7:12: training.epochs: must be")


def test_a_mistake_that_two_bases_make_is_placed_in_the_one_that_wins(folder: Path) -> None:
    write(folder, "training: {epochs: 0}\n", "first.yaml")
    later = write(folder, "training: {epochs: -1}\n", "later.yaml")
    with pytest.raises(config.ConfigError, match=rf"^{later}:1:12: training\.epochs: .* was -1$"):
        config.load(write(folder, "base: [below.yaml, first.yaml, later.yaml]\n"))


def test_a_base_that_is_not_there_is_named_with_who_asks_for_it(folder: Path) -> None:
    above = write(folder, "base: no.yaml\n")
    with pytest.raises(FileNotFoundError, match=rf"no\.yaml: .* on which {above} builds"):
        config.load(above)


def test_a_file_that_builds_on_itself_is_refused(folder: Path) -> None:
    write(folder, "base: two.yaml\n", "one.yaml")
    with pytest.raises(config.ConfigError, match=r"one\.yaml: base: two\.yaml builds on this file"):
        config.load(write(folder, "base: one.yaml\n", "two.yaml"))


@pytest.mark.parametrize("value", ["3", "[1]", "{a: b}", "''"])
def test_a_base_is_a_path_or_a_list_of_them(folder: Path, value: str) -> None:
    with pytest.raises(config.ConfigError, match="base takes the path of a file or a list, was"):
        config.load(write(folder, f"base: {value}\n"))


def test_a_base_that_is_not_yaml_is_placed(folder: Path) -> None:
    write(folder, "run: {dir: x\ndata: 3", "below.yaml")
    with pytest.raises(config.ConfigError, match=r"below\.yaml:2:5: not valid YAML"):
        config.load(write(folder, "base: below.yaml\n"))
