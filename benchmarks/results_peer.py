"""A row of docs/results.md through sentence-transformers: the same data, weights, steps and seeds.

The training pairs, and the weights before training, are written for ``results_peer_worker.py``,
which trains in a Python with torch. What it saved is scored by ``bscl-jax evaluate``, the epoch
that is best on dev is kept as in a run of ours, and the folder is that of ``--runs``, so that
``bscl-jax compare`` reads it.
"""

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from bscl_jax import assemble, cli, config, data, export
from bscl_jax.types import Pairs

WORKER = Path(__file__).with_name("results_peer_worker.py")
RANKING = "MultipleNegativesSymmetricRankingLoss"
LOSSES = ("CosineSimilarityLoss", RANKING)


def train(
    loss: str, path: Path, overrides: list[str], folder: Path, seed: int, torch_python: str
) -> None:
    """Train and score one seed; one that is finished is left alone.

    Args:
        loss: of ``LOSSES``.
        path: the config of our row whose data, batch size, epochs and rates it shares.
        overrides: what that row sets.
        folder: ``seed-K`` of the row.
        seed: of the batches and dropout, and of random weights.
        torch_python: a Python with sentence-transformers.
    """
    if (folder / "results.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    overrides = [*overrides, f"run.seed={seed}", f"run.dir={folder}"]
    settings = prepare(loss, config.load(path, overrides), folder)
    subprocess.run([torch_python, WORKER, folder / "settings.json"], check=True)
    scores = [
        score(path, overrides, folder / name, folder / f"{name}.json")
        for name in ("start", *(f"checkpoint-{step}" for step in settings["save_at"]))
    ]
    write_results(folder, scores, config.load(path, overrides).evaluation.measure)


def prepare(loss: str, settings: config.Config, folder: Path) -> dict[str, Any]:
    """Write the pairs, the weights and the settings; return the last."""
    task = data.load_task(settings.data.kind, **assemble.options(settings.data))
    encoder, params = assemble.load_encoder(settings, task)
    export.sentence_transformers(folder / "start", encoder, params, card="# before training")
    pairs = task.train._replace(negatives=None)
    steps = data.num_batches(len(pairs.queries), settings.training.batch_size)
    if loss == RANKING:
        pairs = positives(pairs, settings.loss.threshold)
    elif pairs.scores is None:
        pairs = pairs._replace(scores=np.ones(len(pairs.queries)))
    data.write_pairs(folder / "train.jsonl", pairs)
    epochs = settings.training.epochs
    found = {
        "loss": loss,
        "batch_size": settings.training.batch_size,
        "save_at": [steps * epoch for epoch in range(1, epochs + 1)],
        "learning_rate": settings.optimizer.learning_rate,
        "warmup": settings.optimizer.warmup,
        "weight_decay": settings.optimizer.weight_decay,
        "clip": settings.optimizer.max_gradient_norm,
        "seed": settings.run.seed,
        "max_length": encoder.max_length,
    }
    (folder / "settings.json").write_text(json.dumps(found, indent=1))
    kept = dataclasses.replace(settings.run, dir=str(folder))
    (folder / "config.yaml").write_text(config.dump(dataclasses.replace(settings, run=kept)))
    return found


def positives(pairs: Pairs, threshold: float) -> Pairs:
    """Return the pairs with a score above the threshold, without their scores."""
    if pairs.scores is None:
        return pairs
    rows = np.flatnonzero(np.asarray(pairs.scores) > threshold)
    queries, targets = ([side[row] for row in rows] for side in (pairs.queries, pairs.targets))
    return Pairs(queries, targets, None, None)


def score(path: Path, overrides: list[str], model: Path, output: Path) -> dict[str, Any]:
    """Return what a model scores on dev and test."""
    sets = [word for each in overrides for word in ("--set", each)]
    command = ["evaluate", "--config", str(path), *sets, "--model", str(model)]
    if cli.main([*command, "--output", str(output)]):
        raise RuntimeError(f"{model} could not be scored")
    return json.loads(output.read_text())


def write_results(folder: Path, scores: list[dict[str, Any]], measure: str) -> None:
    """Write what a run of ours writes, as far as ``bscl-jax compare`` reads it.

    Args:
        folder: of the seed.
        scores: before training and after each epoch.
        measure: the epoch with most of it on dev is kept, the first of equals.
    """
    best = max(range(len(scores)), key=lambda epoch: scores[epoch]["dev"][measure])
    lines = (
        {"event": "evaluation", "epoch": epoch, "dev": found["dev"]}
        for epoch, found in enumerate(scores)
    )
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = {
        "baseline": scores[0]["test"],
        "dev": scores[best]["dev"],
        "test": scores[best]["test"],
        "best_epoch": best,
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
