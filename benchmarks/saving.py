"""For how long a save keeps training waiting, and how long the whole of it takes.

    python benchmarks/saving.py --out saving.json

The state is that of AdamW and a BERT of a given size: parameters and two moments, in float32. Round
by round a step overwrites (donates) it, ``save`` is called, and the next step follows at once.

blocks is the time in ``save`` itself; median, least and most of the rounds. beside is how much
longer the step after it takes than one with no save beside it. whole is the time from the call
until the checkpoint is verified and in its place. On a busy machine, look at the least.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bscl_jax import checkpoint, parallel, training

SIZES = {"toy": (1, 16, 100), "minilm-l6": (6, 384, 30_522), "bert-base": (12, 768, 30_522)}
"""Layers, hidden size and vocabulary."""
POSITIONS = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["toy", "minilm-l6"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--out", type=Path, help="the figures, in JSON")
    options = parser.parse_args()
    print("size        MiB  arrays  blocks ms (least–most)  beside ms  whole s")
    rows = {}
    for size in options.sizes:
        row = rows[size] = measure(size, options.rounds, options.devices)
        blocks = f"{row['blocks']:6.1f} ({row['least']:.1f}–{row['most']:.1f})"
        print(
            f"{size:9} {row['MiB']:5.0f} {row['arrays']:7}  {blocks:22} {row['beside']:10.0f}"
            f"  {row['whole']:7.1f}"
        )
    if options.out is not None:
        options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(size: str, rounds: int, devices: int) -> dict[str, float]:
    """Return times in milliseconds, those of the whole in seconds."""
    mesh = parallel.make_mesh(devices)
    optimizer = training.make_optimizer(num_steps=1)
    state = training.init_state(make_params(*SIZES[size]), optimizer, mesh=mesh)
    step = jax.jit(lambda state: jax.tree.map(add_one, state), donate_argnums=0)
    blocks, alone, beside, whole = [], [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        checkpoint.Checkpoints(folder) as checkpoints,
    ):
        for number in range(rounds + 1):
            state = jax.block_until_ready(step(state))
            start = time.perf_counter()
            state = jax.block_until_ready(step(state))
            stepped = time.perf_counter()
            checkpoints.save(number, state)
            saved = time.perf_counter()
            state = jax.block_until_ready(step(state))
            stepped_again = time.perf_counter()
            checkpoints.wait()
            whole.append(time.perf_counter() - stepped)
            alone.append(stepped - start)
            blocks.append(saved - stepped)
            beside.append(stepped_again - saved)
    found = sorted(1e3 * each for each in blocks[1:])  # the first loads what later ones need not
    return {
        "MiB": sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 2**20,
        "arrays": len(jax.tree.leaves(state)),
        "blocks": statistics.median(found),
        "least": found[0],
        "most": found[-1],
        "beside": 1e3 * (statistics.median(beside[1:]) - statistics.median(alone[1:])),
        "whole": statistics.median(whole[1:]),
    }


def make_params(layers: int, hidden: int, vocabulary: int) -> dict[str, Any]:
    """Return arrays of the shapes of a BERT of that size."""

    def dense(inner: int, outer: int) -> dict[str, np.ndarray]:
        return {"kernel": np.ones((inner, outer), np.float32), "bias": np.ones(outer, np.float32)}

    def norm() -> dict[str, np.ndarray]:
        return {"scale": np.ones(hidden, np.float32), "bias": np.ones(hidden, np.float32)}

    rows = {"words": vocabulary, "positions": POSITIONS, "types": 2}
    embeddings = {name: np.ones((number, hidden), np.float32) for name, number in rows.items()}
    layer = {name: dense(hidden, hidden) for name in ("query", "key", "value", "output")}
    layer |= {"up": dense(hidden, 4 * hidden), "down": dense(4 * hidden, hidden)}
    layer |= {"norm_1": norm(), "norm_2": norm()}
    stack = {f"layer_{number}": layer for number in range(layers)}
    return {"encoder": {"embeddings": embeddings, "norm": norm(), **stack}}


def add_one(leaf: jax.Array) -> jax.Array:
    return leaf + jnp.ones((), leaf.dtype)


if __name__ == "__main__":
    main()
