"""Settings that cannot be, or do not fit the data, the model or the machine."""

import re
from pathlib import Path

import pytest

from tests.end_to_end import tiny

NUM_PAIRS = len(tiny.PAIRS["train"])


@pytest.fixture
def changed(sound, tmp_path):
    """Write the sound config with something replaced."""

    def write(old: str, new: str) -> Path:
        text = sound.read_text()
        assert old in text
        path = tmp_path / "changed.yaml"
        path.write_text(text.replace(old, new))
        return path

    return write


def test_a_config_that_is_not_there_is_named(refuse, tmp_path):
    path = tmp_path / "no.yaml"
    assert refuse(config=path) == [f"{path}: no such config file; configs/ has some to start from"]


def test_a_config_that_is_not_yaml_is_placed(refuse, changed):
    path = changed("loss: {kind", "loss: {kind: [")
    (line,) = refuse(config=path)
    assert re.match(rf"{path}:\d+:\d+: not valid YAML: ", line)


def test_unknown_keys_are_placed_all_at_once_with_the_nearest_known_one(refuse, changed):
    path = changed("training: {batch_size", "training: {batchsize")
    first, second = refuse("loss.temprature=1", config=path)
    assert first.startswith("--set: loss.temprature: unknown key; did you mean 'temperature'? ")
    assert second.startswith(f"{path}:8:12: training.batchsize: unknown key; did you mean 'batch_s")


def test_a_batch_size_of_zero_is_placed(refuse, changed):
    path = changed("batch_size: 8", "batch_size: 0")
    assert refuse(config=path) == [
        f"{path}:8:12: training.batch_size: must be greater than or equal to 1, was 0"
    ]


def test_a_batch_size_above_the_data_is_named(refuse):
    (line,) = refuse(f"training.batch_size={NUM_PAIRS + 1}")
    assert re.match(
        rf"training\.batch_size: .* at most the {NUM_PAIRS} pairs of the data, got "
        rf"{NUM_PAIRS + 1}; choose a batch_size from 1 to {NUM_PAIRS}$",
        line,
    )


def test_a_batch_size_that_the_devices_cannot_share_is_named(refuse):
    (line,) = refuse("training.batch_size=12", "training.devices=8")
    assert re.match(
        r"training\.batch_size: .* a multiple of the number of devices, got 12 rows for 8 devices; "
        "take a batch size of 8 or 16",
        line,
    )


def test_more_devices_than_there_are_is_named(refuse):
    (line,) = refuse("training.devices=9")
    assert re.match(r"training\.devices: .* from 1 to 8 \(the cpu devices here\), got 9; ", line)


def test_a_measure_that_the_dev_sets_do_not_give_is_named_with_those_that_they_do(refuse):
    assert refuse("evaluation.measure=pairs/spearman") == [
        "evaluation.measure: must be one of pairs/mrr, pairs/map, pairs/has_positive@1, "
        "pairs/has_positive@5, which this data has, was 'pairs/spearman'"
    ]


def test_all_settings_that_do_not_fit_come_at_once(refuse):
    settings = {"evaluation.measure": "x/y", "training.devices": 9, "training.batch_size": 100}
    lines = refuse(*(f"{name}={value}" for name, value in settings.items()))
    assert [line.partition(":")[0] for line in lines] == list(settings)


def test_settings_that_the_encoder_cannot_have_are_named(refuse):
    (line,) = refuse("encoder.num_heads=3")
    assert re.match(r"encoder: .*num_attention_heads must divide hidden_size, was 3 for 16", line)


def test_an_unknown_model_without_network_is_named_with_the_places_searched(refuse):
    (line,) = refuse("encoder={kind: pretrained, name: nobody/nothing}")
    assert line.startswith("no encoder named 'nobody/nothing'. Looked for: (1) a local folder ")
    assert "HF_HUB_OFFLINE keeps the network off" in line
    assert line.endswith("or connect to the network once to fill the cache.")


def test_a_model_folder_that_is_not_there_is_named(refuse, tmp_path):
    (line,) = refuse(f"encoder={{kind: pretrained, name: {tmp_path}/model}}")
    assert line.startswith(f"no model folder at {tmp_path}/model: it does not exist")
