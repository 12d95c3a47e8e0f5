"""What the files beside a tokenizer say of it, followed as transformers does."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models

from bscl_jax.encoders._family import Family
from bscl_jax.encoders._json import read_json, shown
from bscl_jax.encoders._tokenizer_classes import KINDS, follow_class

CONFIG = "tokenizer_config.json"
LIKE_BERT = [name for name, kind in KINDS.items() if kind.model is models.WordPiece]
"""Classes of transformers that make word pieces of a ``vocab.txt``."""


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
    if family.vocabulary is None:
        return None
    return str(named).removesuffix("Fast") if named else family.vocabulary.builder


def follow_config(
    path: Path, tokenizer: Tokenizer, facts: Mapping[str, Any], kind: str | None
) -> None:
    """Set what a class takes from the config alone, by its defaults where the config is silent.

    Args:
        path: of the config, for messages.
        tokenizer: the tokenizer of ``tokenizer.json``, changed in place.
        facts: of the config.
        kind: the class; of those that are not in ``KINDS`` the file is followed.

    Raises:
        ValueError: a setting is neither true, false nor null.
    """
    if kind is not None and kind in KINDS:
        words = {name: word(fact) for name, fact in facts.items() if name.endswith("_token")}
        tokens = {name: token for name, token in words.items() if isinstance(token, str) and token}
        follow_class(tokenizer, KINDS[kind], tokens, partial(_read_switch, path, facts))


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
