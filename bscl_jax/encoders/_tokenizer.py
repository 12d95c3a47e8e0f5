"""The tokenizer of a model folder, set up so that it cuts at the model's length and never pads."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer, normalizers

from bscl_jax.encoders._family import Family, Vocabulary
from bscl_jax.encoders._json import check_size, shown
from bscl_jax.encoders._tokenizer_config import (
    CONFIG,
    LIKE_BERT,
    find_class,
    follow_config,
    read_tokenizer_facts,
    word,
)

_SANE_LENGTH = 1_000_000  # files say 1e30 where they mean "no limit"
_LARGEST = 64 << 20  # bytes
_ANY_TEXT = "a \u4e66"  # a word and, to most vocabularies, an unknown one
_MOST_ENTRIES = 2_000_000  # each takes some 90 bytes while the file is parsed


class FoundTokenizer(NamedTuple):
    """A tokenizer with the facts beside it.

    Attributes:
        tokenizer: as the files describe it; neither cuts nor pads.
        facts: the parsed ``tokenizer_config.json``, empty if there is none, with the special tokens
            that stand in ``special_tokens_map.json``.
        max_length: longest text in tokens by these files, or None.
        pad_id: id that pads.
        cut: the side on which a text that is too long is cut, ``"right"`` or ``"left"``.
    """

    tokenizer: Tokenizer
    facts: Mapping[str, Any]
    max_length: int | None
    pad_id: int
    cut: str = "right"


def read_tokenizer(folder: Path, family: Family, *, lowercase: bool = False) -> FoundTokenizer:
    """Read the tokenizer of a folder.

    ``tokenizer.json`` is read directly; transformers, which takes seconds to import, is needed
    only where there is nothing but a vocabulary.

    Args:
        folder: where the files lie.
        family: of the model, for what the files leave open.
        lowercase: lower-case every text first, whatever the tokenizer does itself.

    Returns:
        The tokenizer and its facts.

    Raises:
        FileNotFoundError: when the folder has no tokenizer.
        ValueError: for a file that cannot be parsed, or that adds no special tokens.
    """
    facts = read_tokenizer_facts(folder)
    kind = find_class(folder, family, facts)
    if (folder / "tokenizer.json").is_file():
        tokenizer = _parse(folder / "tokenizer.json")
        follow_config(folder / CONFIG, tokenizer, facts, kind)
    else:
        tokenizer = _from_vocabulary(folder, family, kind)
    cut = _side(folder / CONFIG, tokenizer, facts)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if tokenizer.num_special_tokens_to_add(is_pair=False) == 0:
        raise ValueError(f"the tokenizer of {folder} adds no special tokens, this model needs them")
    if lowercase:
        _lowercase(tokenizer)
    length = facts.get("model_max_length")
    sane = isinstance(length, int) and 0 < length < _SANE_LENGTH
    pad_id = _pad_id(folder, family, tokenizer, facts)
    return FoundTokenizer(tokenizer, facts, length if sane else None, pad_id, cut)


def _parse(path: Path) -> Tokenizer:
    check_size(path, _LARGEST)
    content = path.read_bytes()
    entries = content.count(b",")
    if entries > _MOST_ENTRIES:
        raise ValueError(
            f"{path} has {entries:,} entries, at most {_MOST_ENTRIES:,} are read; it is no "
            "tokenizer file"
        )
    try:
        return Tokenizer.from_buffer(content)
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"{path} is not a tokenizer file: {error}") from error


def _side(path: Path, tokenizer: Tokenizer, facts: Mapping[str, Any]) -> str:
    """Return the side that is cut: by ``tokenizer_config.json``, else by the tokenizer itself."""
    own = (tokenizer.truncation or {}).get("direction") or "right"
    side = facts.get("truncation_side") or own
    if side not in ("right", "left"):
        raise ValueError(f"{path}: truncation_side must be right or left, was {shown(side)}")
    return side


def _from_vocabulary(folder: Path, family: Family, kind: str | None) -> Tokenizer:
    vocabulary = family.vocabulary or Vocabulary("")
    files = vocabulary.files
    if not files or not all((folder / name).is_file() for name in files):
        other = f" or {' and '.join(files)}" if files else ""
        raise FileNotFoundError(
            f"{folder} has no tokenizer: tokenizer.json{other} is needed; AutoTokenizer of "
            "transformers makes tokenizer.json of other files, with save_pretrained(folder)"
        )
    if kind != vocabulary.builder and not {kind, vocabulary.builder} <= {*LIKE_BERT}:
        raise ValueError(
            f"the tokenizer of {folder} is a {kind}, which cannot be made of "
            f"{' and '.join(files)} alone; a tokenizer.json is needed"
        )
    builder = _import(kind if kind in LIKE_BERT else vocabulary.builder)
    try:
        tokenizer = builder.from_pretrained(folder, local_files_only=True).backend_tokenizer
        if not tokenizer.get_vocab_size(with_added_tokens=False):
            raise ValueError("no token has a number")
        tokenizer.encode(_ANY_TEXT)
    except Exception as error:  # of any type, by what is damaged
        raise ValueError(
            f"the tokenizer of {folder} cannot be made of {' and '.join(files)}: {error}"
        ) from error
    return tokenizer


def _import(name: str) -> Any:
    """Import a class of transformers, which announces that PyTorch is absent, as it should be."""
    silence = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    before = os.environ.get(silence)
    os.environ[silence] = "1"
    try:
        import transformers

        return getattr(transformers, name)
    finally:
        del os.environ[silence]
        if before is not None:
            os.environ[silence] = before


def _lowercase(tokenizer: Tokenizer) -> None:
    """Put lower-casing first; a tokenizer that was saved with it already stays as it is."""
    normalizer = tokenizer.normalizer
    steps = [*normalizer] if isinstance(normalizer, normalizers.Sequence) else [normalizer]
    if steps and isinstance(steps[0], normalizers.Lowercase):
        return
    rest = [] if normalizer is None else [normalizer]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *rest])


def _pad_id(folder: Path, family: Family, tokenizer: Tokenizer, facts: Mapping[str, Any]) -> int:
    token = word(facts.get("pad_token")) or family.pad_token
    pad_id = tokenizer.token_to_id(token) if isinstance(token, str) else None
    if pad_id is None:
        raise ValueError(
            f"the tokenizer of {folder} does not know its padding token {shown(token)}"
        )
    return pad_id
