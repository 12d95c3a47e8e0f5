"""A small model folder of each family, as its checkpoints on the hub are: with head and prefix."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from bscl_jax.encoders._load import FAMILIES
from tests.golden.families import VARIANTS, make_weights

WORDS = {
    word
    for text in ("how do i renew a book", "the reading room closes at nine", "is there a late fine")
    for word in text.split()
}
MARKS = {
    "bert": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "distilbert": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "electra": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "modernbert": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "deberta": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "mpnet": ("<s>", "<pad>", "</s>", "[UNK]", "<mask>"),
    "roberta": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
}
"""Families and their special tokens: begin, padding (number 1), end, unknown, mask."""

HEADS = {
    "bert": "cls.predictions.bias",
    "roberta": "lm_head.bias",
    "distilbert": "vocab_transform.bias",
    "electra": "discriminator_predictions.dense.bias",
    "mpnet": "lm_head.bias",
    "modernbert": "head.dense.weight",
    "deberta": "lm_predictions.lm_head.bias",
}
"""Families, and a tensor of the head that they were trained with."""


def word_pieces(marks: tuple[str, ...]) -> Tokenizer:
    vocabulary = {token: number for number, token in enumerate([*marks, *sorted(WORDS)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=marks[3]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def byte_pairs(marks: tuple[str, ...]) -> Tokenizer:
    tokens = [*marks, *sorted(pre_tokenizers.ByteLevel.alphabet()), "\u0120b", "oo", "ook"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [("\u0120", "b"), ("o", "o"), ("oo", "k")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def make_tokenizer(name: str) -> Tokenizer:
    """A tokenizer of the family's kind, with its special tokens."""
    marks = MARKS[name]
    tokenizer = (byte_pairs if name in ("roberta", "modernbert") else word_pieces)(marks)
    start, _, end, *_ = marks
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(mark, tokenizer.token_to_id(mark)) for mark in (start, end)],
    )
    tokenizer.add_special_tokens(list(marks))
    return tokenizer


def write_folder(folder: Path, name: str) -> Path:
    """Write the model; returns the folder."""
    tokenizer = make_tokenizer(name)
    facts = VARIANTS[name] | {"vocab_size": tokenizer.get_vocab_size()}
    family = FAMILIES[facts["model_type"]]
    table = family.tensor_table(family.read_config(facts, None))
    weights = make_weights({tensor: leaf.shape for tensor, leaf in table.items()})
    extra = {HEADS[name]: np.zeros(3, np.float32)}
    for start in family.carried:
        extra[f"{family.prefix}{start}dense.weight"] = np.ones((16, 16), np.float32)
        extra[f"{family.prefix}{start}dense.bias"] = np.ones(16, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {family.prefix + tensor: array for tensor, array in weights.items()}
    save_file(tensors | extra, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(facts))
    tokenizer.save(str(folder / "tokenizer.json"))
    if name in ("modernbert", "deberta"):  # their own classes expect real vocabularies
        settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
