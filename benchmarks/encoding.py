"""Texts to vectors beside sentence-transformers, with torch and with ONNX.

    python benchmarks/encoding.py --data PATH --torch-python PATH --onnx-python PATH

Texts are the distinct ones of STSb's training pairs, in the order of the file; the model is
all-MiniLM-L6-v2, float32. Each contender runs in a process of its own, tokenizes too, and has the
fastest of four batch sizes, tried first. They take turns, round by round; medians of the seconds of
the wall and of the processor (all threads). OpenMP's threads wait passively, as those of one
library would take the cores from the next. The vectors must agree: cosine ≥ 0.999999 for each.

``--onnx-python`` is a Python whose sentence-transformers has its ONNX extra (optimum). What is not
given is left out.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bscl_jax import encoders, export

WORKER = Path(__file__).with_name("encoding_worker.py")


def main() -> None:
    options = parse()
    texts = read_texts(options.data / "stsb" / "train.tsv", options.texts)
    pythons = {"ours": sys.executable, "torch": options.torch_python, "onnx": options.onnx_python}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder, weights = encoders.load(options.model)
        export.sentence_transformers(
            folder / "model", encoder, weights, card="# the model of a benchmark"
        )
        (folder / "texts.json").write_text(json.dumps(texts))
        workers = {
            kind: subprocess.Popen(
                [python, WORKER, kind, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            )
            for kind, python in pythons.items()
            if python
        }
        batch_sizes = {kind: ask(worker)["batch size"] for kind, worker in workers.items()}
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in workers}
        for _ in range(options.rounds):
            for kind, worker in workers.items():
                found[kind].append(ask(worker))
        vectors = {kind: np.load(folder / f"{kind}.npy") for kind in workers}
        for worker in workers.values():
            worker.kill()
    rows = [
        row(kind, len(texts), batch_sizes[kind], rounds, vectors) for kind, rounds in found.items()
    ]
    for each in rows:
        print("  ".join(f"{name} {value}" for name, value in each.items()))
    if options.out:
        options.out.write_text(json.dumps({"rows": rows, "rounds": found}, indent=1))


def ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    """Let a worker do the next thing, and wait for what it says of it."""
    assert worker.stdin
    assert worker.stdout
    worker.stdin.write("\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def row(
    kind: str,
    num_texts: int,
    batch_size: float,
    rounds: list[dict[str, float]],
    vectors: dict[str, np.ndarray],
) -> dict[str, str]:
    """Return a line of the table."""
    wall, processor = (
        statistics.median(each[what] for each in rounds) for what in ("wall s", "processor s")
    )
    one, other = (
        each / np.linalg.norm(each, axis=1, keepdims=True)
        for each in (vectors[kind].astype(np.float64), vectors["ours"].astype(np.float64))
    )
    return {
        "contender": kind,
        "texts/s": f"{num_texts / wall:.0f}",
        "wall s": f"{wall:.2f}",
        "processor s": f"{processor:.2f}",
        "batch size": f"{batch_size}",
        "least cosine": f"{(one * other).sum(axis=1).min():.8f}",
    }


def read_texts(path: Path, limit: int | None) -> list[str]:
    """Return the distinct texts of a file of pairs."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return list(dict.fromkeys(row[side] for row in rows for side in ("sentence1", "sentence2")))[
        :limit
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with stsb")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="a name or a folder")
    parser.add_argument("--texts", type=int, help="only so many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch-python", help="a Python with sentence-transformers")
    parser.add_argument("--onnx-python", help="one with sentence-transformers and its ONNX extra")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
