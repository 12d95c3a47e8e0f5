"""Several seeds of one config: each is a run like any other, and they can be interrupted."""

import json
import shutil

import pytest

from bscl_jax.cli import main
from tests.end_to_end import tiny
from tests.end_to_end.test_resume import STOPPED, a_signal_after

SHORT = ("training.save_every=100", "export.format=none")
FIRST, SECOND, THIRD = 3, 4, 5


@pytest.fixture(autouse=True)
def one_compiled_step():
    with tiny.shared_step("reference"):
        yield


@pytest.fixture(scope="module")
def runs(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    with tiny.shared_step("reference"):
        assert tiny.train(tiny_config, folder, *SHORT, runs=2) == 0
    return folder


def summary(folder):
    return json.loads((folder / "runs.json").read_text())


def test_each_run_is_the_run_of_its_seed(runs, reference):
    names = {path.name for path in runs.iterdir()}
    assert names == {f"seed-{FIRST}", f"seed-{SECOND}", "runs.json"}
    for name in ("metrics.jsonl", "results.json"):
        assert (runs / f"seed-{FIRST}" / name).read_bytes() == (reference / name).read_bytes()
    other = runs / f"seed-{SECOND}"
    assert tiny.losses(other)[0] != tiny.losses(reference)[0]


def test_the_summary_holds_what_the_runs_hold(runs):
    found = summary(runs)
    results = {seed: tiny.results(runs / f"seed-{seed}") for seed in (FIRST, SECOND)}
    for split in ("dev", "test"):
        for name, row in found[split].items():
            assert row["values"] == {str(s): results[s][split][name] for s in results}
    baselines = [results[seed]["baseline"]["pairs/mrr"] for seed in results]
    assert found["test"]["pairs/mrr"]["baseline"] == pytest.approx(sum(baselines) / 2)
    best = max(results, key=lambda seed: results[seed]["dev"]["pairs/mrr"])
    assert found["best"]["seed"] == best
    assert found["best"]["test"] == results[best]["test"]


def test_the_same_command_again_prints_the_tables_and_changes_no_byte(runs, tiny_config, capsys):
    before = tiny.hashes(runs)
    assert tiny.train(tiny_config, runs, *SHORT, runs=2) == 0
    output = capsys.readouterr().out
    assert f"seed {SECOND} (run 2 of 2) is finished" in output
    assert f"test split, 2 runs, seeds {FIRST}, {SECOND}" in output
    assert f"best on dev: seed {summary(runs)['best']['seed']}" in output
    assert tiny.hashes(runs) == before


def test_runs_compared_with_themselves_do_not_differ(runs, tmp_path, capsys):
    assert main(["compare", str(runs), str(runs), "--output", str(tmp_path / "found.json")]) == 0
    assert "0/2" in capsys.readouterr().out
    row = json.loads((tmp_path / "found.json").read_text())["measures"]["pairs/mrr"]
    assert row["first"] == row["second"] == summary(runs)["test"]["pairs/mrr"]["mean"]
    assert (row["difference"], row["low"], row["high"], row["ties"]) == (0, 0, 0, 2)


def test_one_more_seed_can_be_interrupted_and_resumed_and_leaves_the_others_alone(
    runs, tiny_config, tmp_path, capsys
):
    folder = tmp_path / "run"
    shutil.copytree(runs, folder)
    (folder / "runs.json").unlink()
    before = tiny.hashes(folder)
    with a_signal_after(lambda record: record["event"] == "step"):
        assert tiny.train(tiny_config, folder, *SHORT, runs=3) == STOPPED
    assert "the same command with --resume goes on" in capsys.readouterr().out
    assert not (folder / "runs.json").exists()
    assert tiny.train(tiny_config, folder, *SHORT, runs=3, resume=True) == 0
    assert "resuming after step" in capsys.readouterr().out
    assert summary(folder)["seeds"] == [FIRST, SECOND, THIRD]
    assert before.items() <= tiny.hashes(folder).items()


@pytest.fixture
def other_test_rows(tiny_config):
    """The file of the test split with other rows, which the config names as before."""
    path = tiny_config.parent / "test.tsv"
    text = path.read_text()
    path.write_text(text.replace("for a week", "for a day"))
    yield
    path.write_text(text)


def test_one_more_seed_is_not_trained_on_other_data_than_those_before_it(
    runs, tiny_config, other_test_rows, capsys
):
    before = tiny.hashes(runs)
    assert tiny.train(tiny_config, runs, *SHORT, runs=3) == 2
    message = f"the data of test/pairs have changed since the run in {runs}/seed-{FIRST} began"
    assert message in capsys.readouterr().err
    assert tiny.hashes(runs) == before
    assert not (runs / f"seed-{THIRD}").exists()
