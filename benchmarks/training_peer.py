"""Training steps of sentence-transformers, in a Python that has it: ``training.py`` starts this.

    python benchmarks/training_peer.py FOLDER

For each line "FIRST STEPS" on the standard input it takes steps on the batches of
``settings.json`` from FIRST on, and answers with the seconds that they took, in JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    pairs, size = settings["pairs"], settings["batch_size"]
    torch.set_num_threads(os.cpu_count() or 1)
    model = SentenceTransformer(str(folder / "start"), device="cpu")
    model.max_seq_length = settings["max_length"]
    model.train()
    loss = losses.MultipleNegativesSymmetricRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)

    def step(number: int) -> None:
        start = number * size % (len(pairs) - size)
        sides = zip(*pairs[start : start + size], strict=True)
        value = loss([model.tokenize(list(side)) for side in sides], None)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    step(0)
    for line in sys.stdin:
        first, steps = map(int, line.split())
        wall, processor = time.perf_counter(), time.process_time()
        for number in range(first, first + steps):
            step(number)
        seconds = time.perf_counter() - wall, time.process_time() - processor
        print(json.dumps(dict(zip(("wall s", "processor s"), seconds, strict=True))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
