"""The rows of docs/results.md that sentence-transformers trains."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from bscl_jax.cli import main
from tests.benchmarks.scripts import BENCHMARKS

SMOKE = BENCHMARKS.parent / "configs" / "smoke.yaml"


@pytest.fixture(scope="module")
def peer():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("results_peer")
    sys.modules.pop("results_peer")


@pytest.mark.parametrize("loss", ["CosineSimilarityLoss", "MultipleNegativesSymmetricRankingLoss"])
def test_a_peer_trains_from_our_weights_and_compares_with_our_runs(
    loss: str, peer, torch_python: str, tmp_path: Path
) -> None:
    for seed in (0, 1):
        folder = tmp_path / "peer" / f"seed-{seed}"
        peer.train(loss, SMOKE, ["encoder.max_length=16"], folder, seed, torch_python)
    steps = json.loads((folder / "settings.json").read_text())["save_at"]
    assert len(steps) == 2
    start, *after = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("start", *(f"checkpoint-{step}" for step in steps))
    )
    assert after[0]["dev"] != start["dev"] != after[1]["dev"]
    results = json.loads((folder / "results.json").read_text())
    assert results["dev"]["seen/mrr"] == max(each["dev"]["seen/mrr"] for each in (start, *after))
    changed = (folder / "results.json").stat().st_mtime_ns
    peer.train(loss, SMOKE, ["encoder.max_length=16"], folder, 1, torch_python)
    assert (folder / "results.json").stat().st_mtime_ns == changed
    ours = tmp_path / "ours"
    command = ["train", "--config", str(SMOKE), "--set", f"run.dir={ours}", "--runs", "2"]
    assert main([*command, "--set", "encoder.max_length=16"]) == 0
    output = tmp_path / "compared.json"
    assert main(["compare", str(tmp_path / "peer"), str(ours), "--output", str(output)]) == 0
    found = json.loads(output.read_text())["measures"]["seen/mrr"]
    assert found["second"] > 0
