"""Training steps of sentence-transformers, in a Python that has it: ``training.py`` starts this.

    python benchmarks/training_sentence_transformers.py loop|trainer FOLDER

``loop`` is no more than tokenizing, loss, gradient, clipping and update; ``trainer`` is
``SentenceTransformerTrainer`` with its collator. Attention is the implementation that is faster.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.utils.data import SequentialSampler
from training_pace import Pace, read_pairs, try_settings
from transformers import TrainerCallback

LEARNING_RATE, DECAY, LONGEST_GRADIENT = 2e-5, 0.01, 1.0
ATTENTION = ("sdpa", "eager")

Rows = list[dict[str, str]]


def main(kind: str, folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    pairs, size = read_pairs(folder), settings["batch_size"]
    torch.set_num_threads(os.cpu_count() or 1)

    def batch(number: int) -> Rows:
        start = number * size % (len(pairs) - size + 1)
        return pairs[start : start + size]

    load = partial(load_loss, folder / "start", settings["max_length"])
    trials = try_settings(
        {
            attention: lambda a=attention: partial(make_step(load(a)), batch(0))
            for attention in ATTENTION
        }
    )
    attention = min(trials, key=lambda name: trials[name])
    loss = load(attention)
    loss.eval()
    with torch.no_grad():
        first = loss_of(loss, batch(0)).item()
    loss.train()
    pace = Pace(loss=first, setting=attention, trials=trials)
    if kind == "trainer":
        train(loss, pairs, settings, pace, folder)
        return
    step = make_step(loss)
    for number in itertools.count():
        step(batch(number))
        if not pace.after_step():
            return


def load_loss(start: Path, max_length: int, attention: str) -> MultipleNegativesRankingLoss:
    """Return the symmetric ranking loss of the model that all start from."""
    model = SentenceTransformer(
        str(start), device="cpu", model_kwargs={"attn_implementation": attention}
    )
    model.max_seq_length = max_length
    return MultipleNegativesRankingLoss(
        model,
        scale=20,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )


def loss_of(loss: MultipleNegativesRankingLoss, rows: Rows) -> torch.Tensor:
    sides = ([row[side] for row in rows] for side in ("query", "target"))
    return loss([loss.model.preprocess(side) for side in sides], None)


def make_step(loss: MultipleNegativesRankingLoss) -> Callable[[Rows], None]:
    """Return a step of the plain loop."""
    loss.train()
    parameters = list(loss.model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=DECAY, fused=True)

    def step(rows: Rows) -> None:
        loss_of(loss, rows).backward()
        torch.nn.utils.clip_grad_norm_(parameters, LONGEST_GRADIENT)
        optimizer.step()
        optimizer.zero_grad()

    return step


def train(
    loss: MultipleNegativesRankingLoss,
    pairs: Rows,
    settings: dict[str, int],
    pace: Pace,
    folder: Path,
) -> None:
    """Let the trainer take the steps, and do nothing else."""

    class Pacer(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            control.should_training_stop = not pace.after_step()

    def in_order(dataset: Any, **options: Any) -> DefaultBatchSampler:
        kept = {name: options[name] for name in ("batch_size", "drop_last")}
        return DefaultBatchSampler(SequentialSampler(dataset), **kept)

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=settings["batch_size"],
        max_steps=settings["steps"] + 1,  # it stops when it is told to
        learning_rate=LEARNING_RATE,
        weight_decay=DECAY,
        max_grad_norm=LONGEST_GRADIENT,
        optim="adamw_torch_fused",
        batch_sampler=in_order,
        dataloader_drop_last=True,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = SentenceTransformerTrainer(
        model=loss.model,
        args=arguments,
        train_dataset=Dataset.from_list(pairs),
        loss=loss,
        callbacks=[Pacer()],
    )
    trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
