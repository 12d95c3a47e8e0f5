"""What the files beside a tokenizer say of it, followed as transformers does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from bscl_jax.encoders._family import Family
from bscl_jax.encoders._json import read_json, shown

CONFIG = "tokenizer_config.json"
LIKE_BERT = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer")
"""Classes of transformers that make word pieces of a ``vocab.txt``."""

_LETTERS = {
    "do_lower_case": ("lowercase", True),
    "strip_accents": ("strip_accents", None),
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
}


def read_tokenizer_facts(folder: Path) -> dict[str, Any]:
    """Read ``tokenizer_config.json``, with the special tokens of ``special_tokens_map.json``.

    These have the last word, unless the config lists all added tokens.
    """
    facts = read_json(folder / CONFIG)
    marks = {} if "added_tokens_decoder" in facts else read_json(folder / "special_tokens_map.json")
    tokens = {name: word(mark) for name, mark in marks.items() if name.endswith("_token")}
    return facts | {name: token for name, token in tokens.items() if token}


def find_class(folder: Path, family: Family, facts: Mapping[str, Any]) -> str | None:
    """Name the class of transformers that reads the files, without ``Fast``; None is any."""
    named = facts.get("tokenizer_class") or read_json(folder / "config.json").get("tokenizer_class")
    usual = None if family.vocabulary is None else family.vocabulary.builder
    return str(named).removesuffix("Fast") if named else usual


def follow_config(
    path: Path, tokenizer: Tokenizer, facts: Mapping[str, Any], kind: str | None
) -> None:
    """Set what a class takes from the config alone, by its defaults where the config is silent.

    Args:
        path: of the config, for messages.
        tokenizer: the tokenizer of ``tokenizer.json``, changed in place.
        facts: of the config.
        kind: the class; of others than those of BERT's and RoBERTa's kind the file is followed.

    Raises:
        ValueError: a setting is neither true, false nor null.
    """
    normalizer, splitter = tokenizer.normalizer, tokenizer.pre_tokenizer
    if kind in LIKE_BERT and isinstance(normalizer, normalizers.BertNormalizer):
        for theirs, (ours, default) in _LETTERS.items():
            setattr(normalizer, ours, _read_switch(path, facts, theirs, default))
        tokenizer.normalizer = normalizer
    if kind == "RobertaTokenizer" and isinstance(splitter, pre_tokenizers.ByteLevel):
        splitter.add_prefix_space = _read_switch(path, facts, "add_prefix_space", False)
        tokenizer.pre_tokenizer = splitter


def word(token: Any) -> Any:
    """Return a special token itself, where a file has it with its settings."""
    return token.get("content") if isinstance(token, Mapping) else token


def _read_switch(
    path: Path, facts: Mapping[str, Any], name: str, default: bool | None
) -> bool | None:
    value = facts.get(name)
    if not isinstance(value, bool | None):
        raise ValueError(f"{path}: {name} must be true, false or null, was {shown(value)}")
    return default if value is None else value
