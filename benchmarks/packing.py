"""What share of the tokens of a training batch is real, padded and packed.

    python benchmarks/packing.py --data ../shared/data

Padded: each side to its longest text, rounded up to 8 tokens. Packed: by ``data.choose_shapes``,
batches drawn at random, in the example-based order of the first pairs by the model before training,
and in groups of eight pairs of like length, as if neighbors were just that.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bscl_jax import SentenceEncoder, data, shuffling

TASKS = ("stsb", "mrpc", "qqp")
CASES = ((32, 4), (32, 6), (32, 8), (64, 8))
"""Pairs of a batch, and shapes at most."""

BATCHES, GROUP, ORDERED = 200, 8, 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with one of each task")
    options = parser.parse_args()
    model = SentenceEncoder.load("all-MiniLM-L6-v2")
    print("task   pairs  shapes   padded  packed  by example  groups of like length")
    for task in TASKS:
        pairs = data.load_task(task, path=options.data / task).train
        store = data.tokenize_pairs(pairs, model.encoder.tokenize)
        embeddings = model.encode(list(pairs.queries[:ORDERED]))
        order = shuffling.by_example(embeddings, group_size=GROUP, num_neighbors=500, seed=0)
        for size, most in CASES:
            shares = measure(store.queries, store.targets, order, size, most)
            print(f"{task:6} {size:5} {most:7}  ", "   ".join(f"{share:.3f}" for share in shares))


def measure(
    queries: data.Ragged, targets: data.Ragged, order: np.ndarray, size: int, most: int
) -> tuple[float, ...]:
    """Return the shares: padded; packed at random, by example, in groups of like length."""
    sides = [queries.lengths, targets.lengths]
    shapes = data.choose_shapes(sides, batch_size=size, max_shapes=most)
    random, n = np.random.default_rng(5), len(queries)
    drawn = [random.choice(n, size, replace=False) for _ in range(BATCHES)]
    by_length = np.argsort(sides[0] + sides[1], kind="stable")
    starts = random.integers(n - GROUP, size=(BATCHES, size // GROUP, 1))
    grouped = by_length[starts + np.arange(GROUP)].reshape(BATCHES, size)
    ordered = order[: len(order) // size * size].reshape(-1, size)
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

    return float(real / padded), share(drawn), share(ordered), share(grouped)


if __name__ == "__main__":
    main()
