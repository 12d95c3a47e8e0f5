import json

import jax
import numpy as np
import pytest
import yaml

from bscl_jax import SentenceEncoder, assemble, checkpoint, config, data
from bscl_jax.cli._folder import RunFolder
from tests.conftest import REPOSITORY
from tests.end_to_end import tiny

ROUNDING = 1e-6

TEXTS = ["where is the map?", "a locker", ""]


def test_a_run_leaves_all_that_the_design_lists_and_nothing_else(reference):
    assert {path.name for path in reference.iterdir()} == {
        "config.yaml",
        "data.json",
        "metrics.jsonl",
        "results.json",
        "checkpoints",
        "model",
        "orders",
        "report.html",
    }


def test_results_have_baseline_dev_and_test_with_the_same_measures(reference):
    results = tiny.results(reference)
    measures = {"pairs/mrr", "pairs/map", "pairs/has_positive@1", "pairs/has_positive@5"}
    assert results["baseline"].keys() == results["dev"].keys() == results["test"].keys() == measures
    assert tiny.is_finite([results[name] for name in ("baseline", "dev", "test", "temperature")])


def test_every_test_score_and_gain_has_an_interval_in_results_report_and_card(reference):
    results = tiny.results(reference)
    assert results["intervals"].keys() == results["test"].keys()
    for name, ends in results["intervals"].items():
        gain = results["test"][name] - results["baseline"][name]
        for value, (low, high) in ((results["test"][name], ends["trained"]), (gain, ends["gain"])):
            assert low <= round(value, 6) <= high
    low, high = results["intervals"]["pairs/mrr"]["gain"]
    for page in ("report.html", "model/README.md"):
        text = (reference / page).read_text()
        assert f"[{low:+.4f}, {high:+.4f}]" in text
        assert results["interval"] in text


def test_results_and_card_have_the_hashes_of_the_data(reference, tiny_config):
    files = {name: tiny_config.parent / f"{name}.tsv" for name in ("train", "dev", "test")}
    hashes = data.hash_splits(data.load_task("pairs", **files))
    assert tiny.results(reference)["data_sha256"] == hashes
    card = (reference / "model" / "README.md").read_text()
    for name, digest in hashes.items():
        assert f"| {name} | `{digest}` |" in card


def test_the_kept_epoch_is_the_best_on_dev(reference):
    evaluations = tiny.records(reference, "evaluation")
    best = max(evaluations, key=lambda record: record["dev"]["pairs/mrr"])
    assert tiny.results(reference)["best_epoch"] == best["epoch"]
    assert tiny.results(reference)["dev"] == best["dev"]
    assert best["epoch"] != tiny.NUM_EPOCHS, "these tests need a seed whose last epoch is not best"


def test_the_log_has_the_baseline_each_step_and_each_epoch_in_order(reference):
    lines = (reference / "metrics.jsonl").read_text().splitlines()
    epoch = [*["step"] * tiny.NUM_BATCHES, "evaluation"]
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["baseline", "evaluation", *epoch * tiny.NUM_EPOCHS]


def test_the_written_config_is_the_resolved_one(reference, tiny_config):
    written = yaml.safe_load((reference / "config.yaml").read_text())
    resolved = config.load(tiny_config, [f"run.dir={reference}"])
    assert written == config.as_dict(resolved)
    assert written["optimizer"]["warmup"] == 0.1


def test_a_trained_temperature_moves_and_is_reported(reference):
    temperatures = [record["temperature"] for record in tiny.records(reference, "step")]
    assert len(set(temperatures)) == len(temperatures)
    facts = json.loads((reference / "model" / "bscl_jax.json").read_text())
    assert facts["temperature"] == tiny.results(reference)["temperature"]


def test_the_model_folder_gives_the_vectors_of_the_best_checkpoint(reference):
    road = assemble.lay_road(config.load(reference / "config.yaml"))
    with checkpoint.Checkpoints(reference / "checkpoints") as checkpoints:
        best, _ = checkpoints.restore_best({"params": road.state.params}, partial=True)
    tokens = data.pad(road.encoder.tokenize(TEXTS), (16,), road.encoder.pad_id)
    raw = np.asarray(jax.jit(road.encoder.apply)(best["params"]["encoder"], tokens))
    vectors = SentenceEncoder.load(reference / "model").encode(TEXTS)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, unit, atol=ROUNDING)


def test_the_report_opens_without_a_network_and_names_data_model_and_scores(reference):
    html = (reference / "report.html").read_text()
    assert "pairs, 22 training pairs" in html
    assert f"{tiny.results(reference)['test']['pairs/mrr']:.4f}" in html
    assert "batch_size: 8" in html
    assert 'src="http' not in html
    assert 'href="http' not in html


def test_the_same_command_again_says_finished_prints_the_table_and_changes_no_byte(
    reference, tiny_config, capsys
):
    before = tiny.hashes(reference)
    assert tiny.train(tiny_config, reference) == 0
    output = capsys.readouterr().out
    assert "holds a finished run; nothing was changed" in output
    assert "baseline" in output
    assert "trained" in output
    assert "warning" not in output
    assert tiny.hashes(reference) == before


def test_another_config_for_a_finished_run_is_pointed_out_and_changes_no_byte(
    reference, tiny_config, capsys
):
    before = tiny.hashes(reference)
    assert tiny.train(tiny_config, reference, "training.epochs=9") == 0
    assert "(training.epochs was 2, is 9); train yours in another folder" in capsys.readouterr().out
    assert tiny.hashes(reference) == before


@pytest.fixture(scope="module")
def again(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("again") / "run"
    assert tiny.train(tiny_config, folder) == 0
    return folder


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "results.json", "model/model.safetensors", "orders/epoch-002.txt"]
)
def test_equal_seeds_write_equal_bytes(reference, again, name):
    assert (again / name).read_bytes() == (reference / name).read_bytes()


def test_each_epochs_order_is_written_and_replayed(reference, tiny_config, tmp_path):
    orders = sorted(path.name for path in (reference / "orders").glob("*.txt"))
    assert orders == ["epoch-001.txt", "epoch-002.txt"]
    settings = f"shuffling={{kind: file, path: {reference / 'orders'}}}"
    assert tiny.train(tiny_config, tmp_path / "run", settings) == 0
    for name in [
        "metrics.jsonl",
        *(f"orders/{order}" for order in orders),
        "orders/epoch-002.json",
    ]:
        assert (tmp_path / "run" / name).read_bytes() == (reference / name).read_bytes()


def test_an_order_of_other_data_is_refused_before_anything_is_written(
    tiny_config, tmp_path, capsys
):
    order = tmp_path / "mine.txt"
    order.write_text("".join(f"{row}\n" for row in range(21)))
    settings = f"shuffling={{kind: file, path: {order}}}"
    assert tiny.train(tiny_config, tmp_path / "run", settings) == 2
    message = f"shuffling: {order}: 1 of 22 rows are missing, the first is 21"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_another_seed_writes_another_log(reference, tiny_config, tmp_path):
    assert tiny.train(tiny_config, tmp_path / "run", "run.seed=1", *tiny.FAST) == 0
    assert tiny.losses(tmp_path / "run")[0] != tiny.losses(reference)[0]


def test_the_smoke_config_runs_as_it_stands_on_all_devices(tmp_path):
    assert tiny.train(REPOSITORY / "configs" / "smoke.yaml", tmp_path / "run") == 0
    results = tiny.results(tmp_path / "run")
    assert tiny.is_finite([results[name] for name in ("baseline", "dev", "test")])
    assert {"seen/mrr", "unseen/mrr", "pairs/spearman"} <= results["test"].keys()
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_the_checkpoint_before_the_first_step_is_written_when_that_is_logged(
    monkeypatch, tiny_config, tmp_path
):
    logs = []

    def look(self: RunFolder) -> None:
        lines = self.metrics.read_text(encoding="utf-8").splitlines()
        logs.append([json.loads(line)["event"] for line in lines])

    monkeypatch.setattr(RunFolder, "flush_log", look)
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, tmp_path / "run") == 0
    assert len(logs) > 1
    assert "step" in logs[0]
