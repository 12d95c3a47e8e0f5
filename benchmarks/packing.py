"""What share of the tokens of a training batch is real, padded and packed.

    python benchmarks/packing.py --data ../shared/data

Batches are drawn at random, and in groups of eight pairs of like length, as near neighbors have.
Padded: each side to its longest text, rounded up to 8 tokens. Packed: by ``data.choose_shapes``.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bscl_jax import data, encoders

TASKS = ("stsb", "mrpc", "qqp")
CASES = ((32, 4), (32, 8), (64, 8))
"""Pairs of a batch, and shapes at most."""

BATCHES, GROUP = 200, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with one of each task")
    options = parser.parse_args()
    encoder, _ = encoders.load("all-MiniLM-L6-v2")
    print("task   pairs  shapes   padded  packed  packed, groups of like length")
    for task in TASKS:
        pairs = data.load_task(task, path=options.data / task).train
        store = data.tokenize_pairs(pairs, encoder.tokenize)
        for size, most in CASES:
            shares = measure(store.queries, store.targets, size, most)
            print(f"{task:6} {size:5} {most:7}  ", "   ".join(f"{share:.3f}" for share in shares))


def measure(
    queries: data.Ragged, targets: data.Ragged, size: int, most: int
) -> tuple[float, float, float]:
    """Return the shares: padded, packed, and packed with groups of like length."""
    sides = [queries.lengths, targets.lengths]
    shapes = data.choose_shapes(sides, batch_size=size, max_shapes=most)
    random, n = np.random.default_rng(5), len(queries)
    drawn = [random.choice(n, size, replace=False) for _ in range(BATCHES)]
    by_length = np.argsort(sides[0] + sides[1], kind="stable")
    starts = random.integers(n - GROUP, size=(BATCHES, size // GROUP, 1))
    grouped = by_length[starts + np.arange(GROUP)].reshape(BATCHES, size)
    real = sum(side[rows].sum() for rows in drawn for side in sides)
    padded = sum(size * -(-side[rows].max() // 8) * 8 for rows in drawn for side in sides)

    def share(batches: Iterable[np.ndarray]) -> float:
        found = [
            data.pack(data.Ragged.join([queries.take(rows), targets.take(rows)]), shapes, 0)
            for rows in batches
        ]
        masks = [each[0].mask for each in found if each is not None]
        assert len(masks) == len(found)
        return float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))

    return float(real / padded), share(drawn), share(grouped)


if __name__ == "__main__":
    main()
