"""Training steps on the pairs of a task: ours, sentence-transformers' and representax'.

    python benchmarks/training.py --torch-python PATH --representax-python PATH --out training.json

All start from the config's encoder and take the same batches in the same random order: float32,
dropout on, a symmetric ranking loss of cosines at temperature 0.05, AdamW with clipping. Their
losses of the first batch without dropout must agree to 1e-5. They take turns, round by round,
``--steps`` batches each, and whatever is compiled is so before. Seconds of the wall and of the
processor (all threads), medians over the rounds.

A step is everything from texts (ours: from token ids, made once before) to the updated weights.
``--fixed-length 64`` makes texts of the task's own that all have 64 tokens: nothing to pad or pack.

- packed, padded: the trainer's step, with the batches of ``training.packing`` and without; which of
  them the config asks for is what the ratios at the end are of.
- sentence-transformers: a plain loop around its loss, and its trainer without logs, evaluation and
  saves. Both with the fused AdamW, the faster of two implementations of attention, and each column
  padded to its longest text.
- representax: its own BERT, processor, task and compiled step, padded to multiples of 8, in the
  fastest of three settings (rematerialization, donation), which are tried first.

real is the share of the computed tokens that are no padding, ahead the seconds that the host takes
to make the batches. A peer whose Python is not given is left out.
"""

import argparse
import json
import os
import statistics
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import jax
import numpy as np
from training_contenders import Contender, Ours, Peer
from training_pairs import write_pairs

from bscl_jax import assemble, config, export

REPOSITORY = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-5
"""Largest difference between losses of the same batch."""

Rounds = dict[str, list[dict[str, float]]]
Rows = dict[str, dict[str, float]]


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        overrides = prepare(options, folder)
        contenders = start(options, overrides, folder, stack)
        check_agreement(contenders)
        found: Rounds = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, contender in contenders.items():
                found[name].append(contender.run(options.steps))
        packing = config.load(options.config, overrides).training.packing
    rows = {name: medians(rounds, options) for name, rounds in found.items()}
    for name, row in rows.items():
        print(name.ljust(30), "  ".join(f"{what} {value:.4g}" for what, value in row.items()))
    print(ratios("packed" if packing else "padded", rows))
    if options.out:
        facts = {name: str(value) for name, value in vars(options).items()}
        machine = {"cores": os.cpu_count(), "load": os.getloadavg(), "jax": jax.__version__}
        who = {name: contender.facts for name, contender in contenders.items()}
        report = {"options": facts, "machine": machine, "contenders": who}
        options.out.write_text(json.dumps({**report, "rows": rows, "rounds": found}, indent=1))


def prepare(options: argparse.Namespace, folder: Path) -> list[str]:
    """Write what all start from; return the overrides of the config by which ours do."""
    overrides = [f"training.batch_size={options.batch_size}", *options.set]
    if options.fixed_length:
        overrides.append(f"encoder.max_length={options.fixed_length}")
    road = assemble.lay_road(config.load(options.config, overrides))
    pairs = write_pairs(folder, road.task.train, road.encoder, options.fixed_length)
    overrides += [
        f"data={{kind: pairs, train: {pairs}, dev: {pairs}}}",
        "loss={kind: batch_softmax, temperature: 0.05, mask_duplicates: false}",
        "shuffling={kind: random}",
        "evaluation.measure=pairs/mrr",
    ]
    road = assemble.lay_road(config.load(options.config, overrides))
    weights = jax.device_get(road.state.params["encoder"])
    export.sentence_transformers(folder / "start", road.encoder, weights, card="# start")
    settings = {
        "batch_size": options.batch_size,
        "max_length": road.encoder.max_length,
        "steps": num_steps(options),
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return overrides


def num_steps(options: argparse.Namespace) -> int:
    """Return the steps of each contender: one that belongs to no round, and the rounds."""
    return 1 + options.steps * options.rounds


def start(
    options: argparse.Namespace, overrides: list[str], folder: Path, stack: ExitStack
) -> dict[str, Contender]:
    """Make all contenders ready, one after the other; the stack ends the peers."""

    def peer(*arguments: Any) -> Peer:
        return stack.enter_context(closing(Peer(*arguments)))

    padded = ["training.packing=false", "training.num_lengths=3"]
    steps = num_steps(options)
    contenders: dict[str, Contender] = {
        "packed": Ours(options.config, [*overrides, "training.packing=true"], steps),
        "padded": Ours(options.config, [*overrides, *padded], steps),
    }
    if python := options.torch_python:
        for kind in ("loop", "trainer"):
            contenders[f"sentence-transformers, {kind}"] = peer(
                python, "training_sentence_transformers.py", kind, folder
            )
    if python := options.representax_python:
        contenders["representax"] = peer(python, "training_representax.py", folder)
    return contenders


def check_agreement(contenders: dict[str, Contender]) -> None:
    """Print the losses of the first batch; end here if they are not the same."""
    losses = {name: contender.facts["loss"] for name, contender in contenders.items()}
    apart = np.ptp(list(losses.values()))
    each = ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items())
    print(f"loss of the first batch without dropout: {each}; {apart:.1e} apart")
    if not apart <= TOLERANCE:
        raise SystemExit(f"DISAGREES: the losses must be within {TOLERANCE}")


def medians(rounds: list[dict[str, float]], options: argparse.Namespace) -> dict[str, float]:
    """Return the medians over the rounds, and pairs a second of the wall."""
    row = {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
    return {"pairs/s": options.steps * options.batch_size / row["wall s"], **row}


def ratios(ours: str, rows: Rows) -> str:
    """Say how many times the pairs of each of the others ours takes in the same time."""
    rates = {name: row["pairs/s"] for name, row in rows.items()}
    others = (f"{name}: {rates[ours] / rate:.2f}" for name, rate in rates.items() if name != ours)
    return f"{ours}, the config's, takes so many times the pairs of {'; '.join(others)}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    config_path = REPOSITORY / "configs" / "stsb" / "minilm_bsc.yaml"
    parser.add_argument("--config", type=Path, default=config_path)
    parser.add_argument("--set", action="append", default=[], help="overrides of the config")
    parser.add_argument("--fixed-length", type=int, help="tokens that every text is to have")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch-python", help="a Python with sentence-transformers")
    parser.add_argument("--representax-python", help="a Python with representax and transformers")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
