"""Training steps on the real pairs of a task: packed, padded, and sentence-transformers'.

    python benchmarks/training.py --torch-python PATH --out training.json

All have the config's encoder, pairs in the same random order, batch size, AdamW with clipping,
dropout, float32 and a symmetric ranking loss. A step is everything from token ids (ours: tokenized
once, before) or texts (sentence-transformers': tokenized by its collator) to the updated weights.
They take turns, round by round, ``--steps`` batches each; ours compile before. Seconds of the wall
and of the processor (all threads), medians over the rounds.

real is the share of the computed tokens that are no padding, ahead the seconds that the host takes
to make the batches. sentence-transformers is left out without ``--torch-python``.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from bscl_jax import assemble, config, export
from bscl_jax.types import PairBatch

REPOSITORY = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("training_peer.py")


class Contender(Protocol):
    """Something that trains."""

    def run(self, first: int, steps: int) -> dict[str, float]:
        """Take steps on the batches from ``first`` on; return seconds, and what else is known."""
        ...


class Ours:
    """Steps of the trainer, as a config lays them."""

    def __init__(self, options: argparse.Namespace, *overrides: str) -> None:
        self.road = assemble.lay_road(config.load(options.config, [*shared(options), *overrides]))
        self.order = np.random.default_rng(0).permutation(len(self.road.task.train.queries))
        self.state, self.key = self.road.state, jax.random.key(0)
        shapes = {}
        for k in range(options.steps * options.rounds):
            shapes.setdefault(shapes_of(batch := self.batch(k)), batch)
        for batch in shapes.values():
            self.state, _ = self.road.step(1)(self.state, batch, self.key)
        jax.block_until_ready(self.state)
        self.shapes = len(shapes)

    def batch(self, k: int) -> PairBatch:
        """Return a batch, from the beginning again when the epoch is over."""
        return self.road.batch(self.order, k % self.road.num_batches)

    def run(self, first: int, steps: int) -> dict[str, float]:
        """Take steps; the batch is made before its step, as nothing runs meanwhile on a CPU."""
        ahead, real, computed = 0.0, 0, 0
        wall, processor = time.perf_counter(), time.process_time()
        for k in range(first, first + steps):
            start = time.perf_counter()
            batch = self.batch(k)
            ahead += time.perf_counter() - start
            self.state, _ = self.road.step(1)(self.state, batch, self.key)
            jax.block_until_ready(self.state)
        seconds = {
            "wall s": time.perf_counter() - wall,
            "processor s": time.process_time() - processor,
        }
        for k in range(first, first + steps):
            for tokens in texts_of(self.batch(k)):
                real, computed = real + int(tokens.mask.sum()), computed + tokens.mask.size
        return seconds | {"ahead s": ahead, "real": real / computed, "shapes": self.shapes}


class Peer:
    """sentence-transformers, in a process of its own."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        road = assemble.lay_road(config.load(options.config, shared(options)))
        pairs = road.task.train
        order = np.random.default_rng(0).permutation(len(pairs.queries)).tolist()
        texts = [[pairs.queries[row], pairs.targets[row]] for row in order]
        settings = {"batch_size": options.batch_size, "max_length": road.encoder.max_length}
        (folder / "settings.json").write_text(json.dumps({**settings, "pairs": texts}))
        weights = jax.device_get(road.state.params["encoder"])
        export.sentence_transformers(folder / "start", road.encoder, weights, card="# start")
        self.process = subprocess.Popen(
            [options.torch_python, WORKER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, first: int, steps: int) -> dict[str, float]:
        """Ask for steps and wait."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{first} {steps}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def shared(options: argparse.Namespace) -> list[str]:
    """Return what all contenders have in common, as overrides of the config."""
    return [f"training.batch_size={options.batch_size}", *options.set]


def texts_of(batch: PairBatch) -> list[Any]:
    """Return the token batches that a step encodes."""
    return [batch.packed] if batch.packed is not None else [batch.queries, batch.targets]


def shapes_of(batch: PairBatch) -> tuple[tuple[int, ...], ...]:
    """Return what a step is compiled for."""
    return tuple(tokens.ids.shape for tokens in texts_of(batch))


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        contenders: dict[str, Contender] = {
            "packed": Ours(options),
            "padded": Ours(options, "training.packing=false", "training.num_lengths=3"),
        }
        if options.torch_python:
            contenders["sentence-transformers"] = Peer(options, Path(folder))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for number in range(options.rounds):
            for name, contender in contenders.items():
                found[name].append(contender.run(number * options.steps, options.steps))
    rows = {name: medians(rounds, options) for name, rounds in found.items()}
    for name, row in rows.items():
        print(name.ljust(22), "  ".join(f"{what} {value:.4g}" for what, value in row.items()))
    if options.out:
        facts = {name: str(value) for name, value in vars(options).items()}
        machine = {"cores": os.cpu_count(), "load": os.getloadavg(), "jax": jax.__version__}
        report = {"options": facts, "machine": machine, "rows": rows, "rounds": found}
        options.out.write_text(json.dumps(report, indent=1))


def medians(rounds: list[dict[str, float]], options: argparse.Namespace) -> dict[str, float]:
    """Return the medians over the rounds, and pairs a second of the wall."""
    row = {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
    return {"pairs/s": options.steps * options.batch_size / row["wall s"], **row}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    config_path = REPOSITORY / "configs" / "stsb" / "minilm_bsc.yaml"
    parser.add_argument("--config", type=Path, default=config_path)
    parser.add_argument("--set", action="append", default=[], help="overrides of the config")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch-python", help="a Python with sentence-transformers")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
