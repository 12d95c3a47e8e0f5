"""A data set of 22 pairs and a run on it: everything that a whole run has, in two seconds."""

import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import pytest

from bscl_jax import training
from bscl_jax.cli import main
from tests.conftest import REPOSITORY

THINGS = (
    "a library card",
    "a parking space",
    "a quiet room",
    "a large print book",
    "a music score",
    "a film on disc",
    "a storytime seat",
    "a laptop",
    "a locker key",
    "a city map",
    "an audio book",
)

PAIRS = {
    # 22 rows in batches of 8, so that the last batch is filled up; "ask at the desk" comes 3 times.
    "train": [(f"how do I get {thing}?", f"the desk has {thing}") for thing in THINGS]
    + [(f"where is {thing} kept?", f"on floor {i}, {thing}") for i, thing in enumerate(THINGS[:8])]
    + [(f"who keeps {thing}?", "ask at the desk") for thing in THINGS[8:]],
    "dev": [(f"who lends {thing}?", f"{thing} is lent at the desk") for thing in THINGS[:6]],
    "test": [(f"may I borrow {thing}?", f"{thing} for a week") for thing in THINGS[5:]],
}
NUM_BATCHES, NUM_EPOCHS = 3, 2
LEARNING_RATE = 3e-3

CONFIG = """
run: {{dir: {folder}/run, seed: 3}}
data: {{kind: pairs, train: {folder}/train.tsv, dev: {folder}/dev.tsv, test: {folder}/test.tsv}}
encoder: {{kind: random, num_layers: 1, hidden_size: 16, max_length: 16}}
loss: {{kind: batch_softmax, train_temperature: true}}
shuffling: {{kind: by_example, group_size: 2, num_neighbors: 8}}
optimizer: {{learning_rate: {rate}}}
training: {{batch_size: 8, epochs: 2, save_every: 2, num_shapes: 1, devices: 1}}
evaluation: {{measure: pairs/mrr}}
"""

GENTLE = "optimizer.learning_rate=1e-4"
"""The override for runs that are compared across devices: what rounding changes grows with it."""

GRADED = (
    "data.columns={query: query, target: target, label: grade}",
    "data.label_range=[0, 5]",
    "evaluation.measure=pairs/spearman",
)
"""Overrides that make the same files graded pairs."""

HARD = "data.columns={query: query, target: target, negative_1: negative_1, negative_2: negative_2}"
"""The override that reads the hard negatives of ``write_hard``."""

FAST = ("training.epochs=1", "training.save_every=100", "export.format=none", "data.test=null")
"""Overrides for a run of which only the training is looked at."""


def write(folder: Path) -> Path:
    """Write the data and the config; return the config."""
    for split, pairs in PAIRS.items():
        rows = [f"{query}\t{target}\t{7 * i % 6}\n" for i, (query, target) in enumerate(pairs)]
        (folder / f"{split}.tsv").write_text("".join(["query\ttarget\tgrade\n", *rows]))
    config = folder / "run.yaml"
    config.write_text(CONFIG.format(folder=folder, rate=LEARNING_RATE))
    return config


def write_hard(folder: Path) -> Path:
    """Write the same with one or no negative in most rows, one of them the row's own target."""
    config = write(folder)
    lines = (folder / "train.tsv").read_text().splitlines()
    rows = [f"{lines[0]}\tnegative_1\tnegative_2"]
    for i, line in enumerate(lines[1:]):
        first = line.split("\t")[1] if i == 0 else f"floor {i} has none" if i % 3 else ""
        rows.append(f"{line}\t{first}\t{'no such thing' if i % 5 == 0 else ''}")
    (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    return config


def train(
    config: Path, folder: Path, *overrides: str, resume: bool = False, runs: int | None = None
) -> int:
    """Call the command line in this process."""
    seeds = [] if runs is None else ["--runs", str(runs)]
    return main(["train", *arguments(config, folder, *overrides, resume=resume), *seeds])


STEPS: dict[str, training.Step] = {}
MAKE_STEP = training.make_step
"""The true one, also where a name is shared within another."""


@contextmanager
def shared_step(name: str, stages: int = 1) -> Iterator[None]:
    """Let all runs under one name share their compiled step, or the step of each of their stages.

    They must have the same encoder, losses and optimizers. Tracing a step again takes most of the
    time of a tiny run; that a new process computes the same is for ``start`` to show.
    """
    stage = itertools.cycle(range(stages))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training,
            "make_step",
            lambda *a, **k: STEPS.setdefault(f"{name} {next(stage)}", MAKE_STEP(*a, **k)),
        )
        yield


def start(
    config: Path, folder: Path, *overrides: str, resume: bool = False
) -> subprocess.Popen[bytes]:
    """Start ``python run.py``; what it says goes to a file beside the run folder."""
    command = [sys.executable, REPOSITORY / "run.py"]
    command += arguments(config, folder, *overrides, resume=resume)
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    with folder.with_suffix(".out").open("wb") as out:
        return subprocess.Popen(command, env=os.environ | cache, stdout=out, stderr=out)


def arguments(config: Path, folder: Path, *overrides: str, resume: bool) -> list[str]:
    sets = [word for each in (f"run.dir={folder}", *overrides) for word in ("--set", each)]
    return ["--config", str(config), *sets, *(["--resume"] if resume else [])]


def records(folder: Path, event: str) -> list[dict[str, Any]]:
    """Return the records of the log of one kind."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == event]


def losses(folder: Path) -> list[float]:
    return [record["loss"] for record in records(folder, "step")]


def results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder, by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def newest_checkpoint(folder: Path) -> dict[str, Any]:
    """Return step, facts, and shape, type and checksum of each array of the newest checkpoint."""
    content = json.loads(max(folder.glob("checkpoints/*/facts.json")).read_text())["content"]
    return {name: content[name] for name in ("step", "score", "facts", "leaves")}


def is_finite(value: Any) -> bool:
    """Tell whether there are only finite numbers in nested dicts and lists."""
    if isinstance(value, dict):
        return is_finite(list(value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    return math.isfinite(value)
