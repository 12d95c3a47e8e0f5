"""Train with sentence-transformers, in a Python that has it: ``results_peer.py`` starts this.

    python benchmarks/results_peer_worker.py FOLDER/settings.json

``train.jsonl`` and the model ``start`` lie beside the settings; after each of the steps N of
``save_at`` the model is saved in ``checkpoint-N``.
"""

import json
import sys
from pathlib import Path

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.sentence_transformer import losses


def main(path: Path) -> None:
    settings = json.loads(path.read_text())
    folder = path.parent
    model = SentenceTransformer(str(folder / "start"), device="cpu")
    model.max_seq_length = settings["max_length"]
    ranking = settings["loss"] != "CosineSimilarityLoss"
    # Its documentation asks for batches without equal texts for losses with in-batch negatives.
    sampler = BatchSamplers.NO_DUPLICATES if ranking else BatchSamplers.BATCH_SAMPLER
    steps = settings["save_at"]
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=settings["batch_size"],
        max_steps=steps[-1],
        learning_rate=settings["learning_rate"],
        warmup_steps=settings["warmup"],
        weight_decay=settings["weight_decay"],
        max_grad_norm=settings["clip"],
        lr_scheduler_type="linear",
        batch_sampler=sampler,
        seed=settings["seed"],
        save_strategy="steps",
        save_steps=steps[0],
        save_only_model=True,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    rows = map(json.loads, (folder / "train.jsonl").read_text().splitlines())
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(list(rows)),
        loss=getattr(losses, settings["loss"])(model),
    )
    trainer.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
