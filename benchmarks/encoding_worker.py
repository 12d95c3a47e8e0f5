"""Encodes the same texts again and again, with one library: ``encoding.py`` starts this.

    python benchmarks/encoding_worker.py ours|torch|onnx FOLDER

For the first line of the standard input it tries some batch sizes and says which is fastest; for
each other it encodes with that one and says how many seconds it took. All in JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZES = (16, 32, 64, 128)


def load(kind: str, folder: Path) -> Callable[..., np.ndarray]:
    """Return ``encode(texts, batch_size=…)``."""
    if kind == "ours":
        from bscl_jax import SentenceEncoder

        return SentenceEncoder.load(folder).encode
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(os.cpu_count() or 1)
    options: dict[str, Any] = {"backend": kind, "device": "cpu"}
    return SentenceTransformer(str(folder), **options).encode


def main(kind: str, folder: Path) -> None:
    texts = json.loads((folder / "texts.json").read_text())
    encode = load(kind, folder / "model")

    def timed(batch_size: int) -> dict[str, float]:
        wall, processor = time.perf_counter(), time.process_time()
        vectors = encode(texts, batch_size=batch_size)
        seconds = time.perf_counter() - wall, time.process_time() - processor
        np.save(folder / f"{kind}.npy", vectors)
        return dict(zip(("wall s", "processor s"), seconds, strict=True))

    sys.stdin.readline()
    for size in BATCH_SIZES:
        timed(size)  # compiles, or warms up
    best = min(BATCH_SIZES, key=lambda size: timed(size)["processor s"])
    answer(**{"batch size": best})
    for _ in sys.stdin:
        answer(**timed(best))


def answer(**facts: float) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
