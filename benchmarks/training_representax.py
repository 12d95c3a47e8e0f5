"""Training steps of representax, in a Python that has it: ``training.py`` starts this.

    python benchmarks/training_representax.py FOLDER

Everything is its own: the loader of sentence-transformers' folders, its BERT, the text processor
with its buckets, the retrieval task and the compiled step.
"""

import itertools
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from representax.integrations.sentence_transformers import load_sentence_transformer
from representax.tasks.retrieval import MNRTask, RetrievalCollator
from representax.train.step import build_train_step, init_train_state
from safetensors.numpy import load_file, save_file
from training_pace import Pace, read_pairs, try_settings

SETTINGS = {
    "nothing rematerialized, state donated": ("none", True),
    "nothing rematerialized, state kept": ("none", False),
    "all but matrix products rematerialized, state donated": ("selective", True),
}
TASK = MNRTask(scale=20.0, symmetric=True)


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    pairs, size, longest = read_pairs(folder), settings["batch_size"], settings["max_length"]
    add_pooler(folder / "start")
    load = partial(
        load_sentence_transformer,
        folder / "start",
        local_files_only=True,
        sequence_length_buckets=sorted({*range(8, longest, 8), longest}),
    )
    whole = load()
    collate = RetrievalCollator(processor=whole.processor, document_field="target")

    def batch(number: int) -> Any:
        start = number * size % (len(pairs) - size + 1)
        return collate(pairs[start : start + size])

    def make(setting: str) -> Callable[[Any], None]:
        rematerialization, donate_state = SETTINGS[setting]
        return make_step(load(rematerialization=rematerialization).model, donate_state)

    loss = jax.jit(lambda model, batch: TASK.loss(model, batch).loss)(whole.model, batch(0))
    trials = try_settings({name: lambda n=name: partial(make(n), batch(0)) for name in SETTINGS})
    best = min(trials, key=lambda setting: trials[setting])
    step, shapes = make(best), {}
    for number in range(settings["steps"]):
        shapes.setdefault(shape_of(one := batch(number)), one)
    for one in shapes.values():
        step(one)  # compiles
    pace = Pace(loss=float(loss), setting=best, trials=trials, shapes=sorted(shapes))
    for number in itertools.count():
        step(batch(number))
        if not pace.after_step():
            return


def add_pooler(model: Path) -> None:
    """Put BERT's pooler, which means have no use for but the loader asks for, among the weights."""
    weights = load_file(model / "model.safetensors")
    width = weights["embeddings.LayerNorm.bias"].size
    weights["pooler.dense.weight"] = np.zeros((width, width), np.float32)
    weights["pooler.dense.bias"] = np.zeros(width, np.float32)
    save_file(weights, model / "model.safetensors")


def make_step(model: Any, donate_state: bool) -> Callable[[Any], None]:
    """Return a step that keeps its state and waits until it is done."""
    trainable = model.training_filter()
    optimizer = optax.adamw(2e-5, weight_decay=0.01)
    compiled = build_train_step(
        TASK,
        optimizer,
        max_grad_norm=1.0,
        donate_state=donate_state,
        trainable_filter=trainable,
    )
    held = {"state": init_train_state(model, optimizer, trainable_filter=trainable)}
    keys = (jax.random.fold_in(jax.random.key(0), number) for number in itertools.count())

    def step(batch: Any) -> None:
        held["state"] = compiled(held["state"], batch, next(keys)).state
        jax.block_until_ready(held["state"])

    return step


def shape_of(batch: Any) -> tuple[tuple[int, ...], ...]:
    """Return what a step is compiled for."""
    return tuple(side.input_ids.shape for side in (batch.query, batch.document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
