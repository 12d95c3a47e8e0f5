"""``bscl-jax export``: runs, finished or not, and models, as folders and programs."""

import shutil
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest

from bscl_jax import SentenceEncoder, assemble, checkpoint, config, encoders
from bscl_jax.cli import main
from tests.cli.conftest import USER_MISTAKE
from tests.cli.left import leave_run
from tests.end_to_end import tiny

TEXTS = ["where is the map?", "a locker"]
ROUNDING = 1e-6


def export(source: Path | str, output: Path, *options: str) -> int:
    return main(["export", str(source), "--output", str(output), *options])


@pytest.fixture(scope="module")
def unfinished(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference run, as if it had been killed before its last files were written."""
    folder = tmp_path_factory.mktemp("unfinished") / "run"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("results.json", "model"))
    return folder


def test_a_finished_run_exports_the_bytes_that_it_left_itself(reference, tmp_path, capsys):
    assert export(reference, tmp_path / "model") == 0
    assert tiny.hashes(tmp_path / "model") == tiny.hashes(reference / "model")
    epoch = tiny.results(reference)["best_epoch"]
    assert capsys.readouterr().out.splitlines() == [
        f"model    {reference}, epoch {epoch}, the best by dev pairs/mrr",
        f"written  {tmp_path / 'model'}",
    ]


def test_of_a_finished_run_whose_best_was_damaged_since_the_next_is_exported_by_its_own_name(
    reference, tmp_path, capsys
):
    shutil.copytree(reference, tmp_path / "run")
    results = tiny.results(reference)
    step = results["best_epoch"] * tiny.NUM_BATCHES
    (tmp_path / "run" / "checkpoints" / f"{step:08d}" / "facts.json").write_bytes(b"x")
    with pytest.warns(UserWarning, match="is damaged"):
        assert export(tmp_path / "run", tmp_path / "model") == 0
    said = capsys.readouterr().out
    assert f"the best by dev pairs/mrr but epoch {results['best_epoch']}, whose checkpoint" in said
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"epoch {results['best_epoch']} of" not in card
    assert "## Test split" not in card


def test_an_unfinished_run_exports_the_same_but_for_a_card_without_test(
    unfinished, reference, tmp_path
):
    assert export(unfinished, tmp_path / "model", "--epoch", "best") == 0
    ours, expected = tiny.hashes(tmp_path / "model"), tiny.hashes(reference / "model")
    assert ours.pop("README.md") != expected.pop("README.md")
    assert ours == expected
    card = (tmp_path / "model" / "README.md").read_text()
    assert "the best by dev pairs/mrr so far; the run is not finished" in card
    assert f"- dev: pairs/mrr {tiny.results(reference)['dev']['pairs/mrr']:.4f}" in card
    assert "Test split" not in card


def test_the_last_epoch_is_that_of_the_newest_checkpoint(reference, tmp_path):
    assert export(reference, tmp_path / "model", "--epoch", "last") == 0
    road = assemble.lay_road(config.load(reference / "config.yaml"))
    with checkpoint.Checkpoints(reference / "checkpoints") as checkpoints:
        newest, facts = checkpoints.restore({"params": road.state.params}, partial=True)
    _, params = encoders.load(tmp_path / "model")
    jax.tree.map(np.testing.assert_array_equal, params, newest["params"]["encoder"])
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"epoch {facts['epoch']} of 2, step {facts['step']}, the newest checkpoint" in card
    assert "Test split" not in card


def test_a_program_gives_the_vectors_of_the_folder(reference, tmp_path):
    path = tmp_path / "encoder.stablehlo"
    assert export(reference, path, "--format", "stablehlo", "--platforms", "cpu", "tpu") == 0
    program = jax.export.deserialize(bytearray(path.read_bytes()))
    assert program.platforms == ("cpu", "tpu")
    model = SentenceEncoder.load(reference / "model")
    (ids,) = model.encoder.tokenize(TEXTS[:1])
    found = program.call(np.array([ids], np.int32), np.ones((1, len(ids)), bool))
    np.testing.assert_allclose(found[0], model.encode(TEXTS[0]), atol=ROUNDING)


def test_a_program_of_a_model_may_leave_vectors_as_they_are(reference, tmp_path):
    path = tmp_path / "encoder.stablehlo"
    options = ("--format", "stablehlo", "--platforms", "cpu", "--no-normalize")
    assert export(reference / "model", path, *options) == 0
    program = jax.export.deserialize(bytearray(path.read_bytes()))
    ids = np.array([[2, 3]], np.int32)
    assert np.linalg.norm(program.call(ids, ids > 0)) != pytest.approx(1, abs=0.01)


def test_a_model_keeps_its_card_and_what_training_has_found(reference, tmp_path):
    assert export(reference / "model", tmp_path / "copy") == 0
    assert tiny.hashes(tmp_path / "copy") == tiny.hashes(reference / "model")


def test_a_model_in_the_cache_of_the_hub_keeps_them_too(reference, tmp_path, monkeypatch):
    cache, commit = tmp_path / "cache" / "models--me--model", "a" * 40
    shutil.copytree(reference / "model", cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    facts = cache / "snapshots" / commit / "bscl_jax.json"
    facts.write_text(facts.read_text().replace('"threshold": null', '"threshold": 0.25'))
    assert SentenceEncoder.load("me/model").threshold == 0.25
    assert export("me/model", tmp_path / "copy") == 0
    assert tiny.hashes(tmp_path / "copy") == tiny.hashes(facts.parent)


def test_a_model_without_a_card_gets_one(tmp_path):
    encoders.save(tmp_path / "plain", *encoders.random(TEXTS, seed=0, hidden_size=16))
    assert export(tmp_path / "plain", tmp_path / "model") == 0
    card = (tmp_path / "model" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\n---\n\n# model\n")
    vectors = [SentenceEncoder.load(tmp_path / name).encode(TEXTS) for name in ("plain", "model")]
    np.testing.assert_array_equal(*vectors)


def test_a_blank_card_is_none_and_one_that_is_not_utf8_is_kept_as_far_as_it_can_be(tmp_path):
    encoders.save(tmp_path / "source", *encoders.random(TEXTS, seed=0, hidden_size=16))
    card = tmp_path / "source" / "README.md"
    for given, wanted in ((b" \n", "# blank\n"), (b"# caf\xe9\n", "# caf\ufffd\n")):
        card.write_bytes(given)
        output = tmp_path / ("kept" if b"#" in given else "blank")
        assert export(tmp_path / "source", output) == 0
        assert wanted in (output / "README.md").read_text()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nowhere/at/all", [], "no model folder at"),
        ("begun", [], "has no checkpoint; go on with bscl-jax train --resume, or export"),
        ("seeds", [], "holds the runs of several seeds; name the folder of one"),
        ("empty", [], "is no model folder: it has no config.json"),
        ("empty", ["--epoch", "best"], "--epoch belongs to a run folder, which"),
        ("begun", ["--platforms", "cpu"], "--platforms belongs to --format stablehlo"),
        ("begun", ["--no-normalize"], "--normalize belongs to --format stablehlo"),
        ("run", ["--format", "stablehlo", "--platforms", "abacus"], "platforms must be one or"),
        ("begun", ["--output", "{folder}"], "exists; name another, or remove it"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    source, options, message, reference, tiny_config, tmp_path, capsys
):
    leave_run(tiny_config, tmp_path / "begun")
    leave_run(tiny_config, tmp_path / "seeds" / "seed-3")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    found = reference if source == "run" else tmp_path / source
    options = [option.format(folder=tmp_path) for option in options]
    assert export(found, tmp_path / "output", *options) == USER_MISTAKE
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert all(line.startswith("bscl-jax: ") for line in err.splitlines())
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_measure_so_far_asks_for_the_last_epoch(unfinished, tmp_path, capsys):
    shutil.copytree(unfinished, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    road = assemble.lay_road(config.load(unfinished / "config.yaml"))
    with checkpoint.Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
        checkpoints.save(1, {"params": road.state.params}, {"epoch": 1}, score=None)
    assert export(tmp_path / "run", tmp_path / "model") == USER_MISTAKE
    assert "is defined in no epoch so far" in capsys.readouterr().err
