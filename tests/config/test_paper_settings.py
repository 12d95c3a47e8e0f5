"""The configs of the paper's tasks hold the settings that its section on experiments names."""

import dataclasses

import pytest

from bscl_jax import assemble, config, data
from bscl_jax.cli._folder import differences
from tests.conftest import REPOSITORY
from tests.data.tasks.small_files import WRITERS

# Batch, epochs, learning rate, Adam's bias correction, temperature, normalization, group size, mu.
PAPER = {
    "antique": (50, 5, 2e-5, False, 0.1, "l2", 8, 0.9),
    "cqa_a": (30, 5, 2e-5, True, 0.055, "l2", 8, 0.1),
    "cqa_b": (30, 7, 3e-5, True, 0.07, "l2", 5, 0.9),
    "pfcc_s": (30, 6, 2e-5, False, 1.2, "range", 8, 0.9),
    "mrpc": (30, 6, 2e-5, False, 0.1, "l2", 4, 0.1),
    "qqp": (50, 6, 2e-5, False, 1.2, "range", 8, 0.1),
    "stsb": (30, 5, 2e-5, False, 0.1, "l2", 8, 0.1),
}
CONFIGS = REPOSITORY / "configs"
FILES = sorted((path.parent.name, path.stem) for path in CONFIGS.glob("*/[!_]*.yaml"))
ALL = [(task, name) for task, name in FILES if not name.startswith("minilm_")]
MARGINS = {"pfcc_s": 0.6, "cqa_a": 0.5, "cqa_b": 0.5}


def load(task: str, name: str) -> config.Config:
    return config.load(REPOSITORY / "configs" / task / f"{name}.yaml")


def test_every_task_has_its_three_losses() -> None:
    for task in PAPER:
        assert {(task, "mse"), (task, "bsc"), (task, "combo")} <= set(ALL)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_how_long_and_how_fast_is_the_papers(task: str, name: str) -> None:
    found = load(task, name)
    batch_size, epochs, learning_rate, bias_correction, *_ = PAPER[task]
    assert (found.training.batch_size, found.training.epochs) == (batch_size, epochs)
    assert found.optimizer.learning_rate == learning_rate
    assert found.optimizer.bias_correction == bias_correction
    assert found.optimizer.weight_decay == 0.01
    assert found.optimizer.warmup == 0.1
    assert found.optimizer.max_gradient_norm == 1.0
    assert isinstance(found.encoder, config.PretrainedEncoder)
    assert (found.encoder.max_length, found.encoder.pooling) == (90, "mean")


@pytest.mark.parametrize(("task", "name"), ALL)
def test_the_form_for_a_cpu_differs_in_model_speed_and_length_alone(task: str, name: str) -> None:
    paper, cpu = (config.as_dict(load(task, it)) for it in (name, f"minilm_{name}"))
    assert cpu["encoder"]["name"] == "all-MiniLM-L6-v2"
    sections = {"run", "encoder", "optimizer", "training", *(["stages"] if paper["stages"] else [])}
    assert {section for section in paper if paper[section] != cpu[section]} == sections
    for stages in (paper["stages"], cpu["stages"]):
        for stage in stages:
            for field in ("learning_rate", "bias_correction"):
                del stage["optimizer"][field]
            del stage["training"]["epochs"]
    assert paper["stages"] == cpu["stages"]
    changed = {
        f"{section}.{field}"
        for section in ("encoder", "optimizer", "training")
        for field in paper[section]
        if paper[section][field] != cpu[section][field]
    }
    assert changed <= {
        "encoder.name",
        "encoder.max_length",
        "optimizer.learning_rate",
        "optimizer.bias_correction",
        "training.batch_size",
        "training.epochs",
    }


@pytest.mark.parametrize(("task", "name"), FILES)
def test_a_config_is_where_its_run_and_task_say(task: str, name: str) -> None:
    found = load(task, name)
    assert found.run.dir == f"runs/{task}/{name}"
    assert found.data.kind == task


@pytest.mark.parametrize("task", PAPER)
@pytest.mark.parametrize("name", ["bsc", "combo"])
def test_batches_and_softmax_are_the_papers(task: str, name: str) -> None:
    found = load(task, name)
    *_, temperature, normalize, group_size, mu = PAPER[task]
    loss, shuffling = found.loss, found.shuffling
    assert isinstance(loss, config.BatchSoftmaxLoss)
    assert (loss.temperature, loss.normalize) == (temperature, normalize)
    assert loss.threshold == (0.6 if task == "stsb" else 0.5)
    assert isinstance(shuffling, config.ByExampleShuffling)
    assert (shuffling.group_size, shuffling.num_neighbors) == (group_size, 500)
    if name == "combo":
        assert isinstance(loss, config.ComboLoss)
        assert loss.mu == mu


@pytest.mark.parametrize("task", ["stsb", "cqa_b"])
def test_the_ways_of_the_reference_are_all_that_its_config_changes(task: str) -> None:
    changes = differences(load(task, "bsc"), load(task, "bsc_reference"))
    assert changes == [
        "loss.mask_duplicates was True, is False",
        "shuffling.count was 'rows', is 'texts'",
        "shuffling.distance was 'cosine', is 'euclidean'",
        "shuffling.dtype was 'bfloat16', is None",
        "shuffling.filter_duplicates was True, is False",
        "shuffling.from_epoch was 1, is 2",
        "shuffling.num_neighbors was 500, is 200",
        "training.dropout_epochs was None, is 1",
    ]


def test_what_is_trained_one_after_the_other_is_what_is_trained_alone() -> None:
    alone = [config.list_stages(load("stsb", name))[0] for name in ("bsc", "mse")]
    for name, expected in (("bsc_then_mse", alone), ("mse_then_bsc", alone[::-1])):
        stages = [dataclasses.replace(stage, name=None) for stage in load("stsb", name).stages]
        assert stages == expected


@pytest.mark.parametrize("task", MARGINS)
def test_the_margin_is_the_papers(task: str) -> None:
    loss = load(task, "triplet").loss
    assert isinstance(loss, config.TripletLoss)
    assert loss.margin == MARGINS[task]
    assert loss.negatives == "given"


@pytest.mark.parametrize("task", PAPER)
def test_the_measure_that_chooses_the_epoch_is_one_of_the_task(task: str, tmp_path) -> None:
    loaded = data.load_task(task, path=WRITERS[task](tmp_path), **OPTIONS.get(task, {}))
    for name in (name for kind, name in ALL if kind == task):
        assemble.check_measure(load(task, name).evaluation.measure, loaded.dev)


OPTIONS = {"cqa_b": {"extra": False}}


@pytest.mark.parametrize(("task", "name"), FILES)
def test_the_header_says_what_and_how(task: str, name: str) -> None:
    text = (REPOSITORY / "configs" / task / f"{name}.yaml").read_text()
    assert f"# Command:  python run.py --config configs/{task}/{name}.yaml\n" in text
    assert "# Minutes:" in text
    wanted = "On a CPU: " if name.startswith("minilm_") else "Reproduces: "
    assert wanted in text or "The paper gives no figure" in text
