"""Classes of transformers that take words alone from ``tokenizer.json``, and make the rest anew."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

Switch = Callable[[str, bool | None], bool | None]
"""Name and default of a setting of ``tokenizer_config.json`` → what it is."""

_BERT = {
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "unk_token": "[UNK]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
_ROBERTA = {
    "cls_token": "<s>",
    "sep_token": "</s>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_CLS_SEP = ("cls_token", "sep_token")
_LONGEST_WORD = 100  # characters; a longer one is unknown


class Kind(NamedTuple):
    """What a class makes by itself.

    Attributes:
        model: kind of the vocabulary that it reads.
        tokens: its special tokens where the config names none.
        ends: those that stand before and behind a text.
        rules: switch and the normalizer of the file → normalizer and splitter.
    """

    model: type[models.Model]
    tokens: Mapping[str, str]
    ends: tuple[str, str]
    rules: Callable[[Switch, Any], tuple[Any, Any]]


def follow_class(tokenizer: Tokenizer, kind: Kind, tokens: Mapping[str, str], read: Switch) -> None:
    """Make everything but the vocabulary as a class does, in place.

    A special token that the vocabulary lacks leaves what the file says in its place.

    Args:
        tokenizer: that of ``tokenizer.json``.
        kind: the class.
        tokens: special tokens that the config names, by its keys.
        read: reads a setting of the config.
    """
    if not isinstance(tokenizer.model, kind.model):
        return
    tokenizer.normalizer, tokenizer.pre_tokenizer = kind.rules(read, tokenizer.normalizer)
    words = tokenizer.get_vocab(with_added_tokens=True)
    named = {name: word for name, word in {**kind.tokens, **tokens}.items() if word in words}
    _set_model(tokenizer.model, named.get("unk_token"))
    first, last = (named.get(name) for name in kind.ends)
    if first and last and [words[first], words[last]] != tokenizer.encode("").ids:
        ends = (last, words[last]), (first, words[first])
        tokenizer.post_processor = processors.BertProcessing(*ends)
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens([word for word in named.values() if word not in added])


def _set_model(model: Any, unknown: str | None) -> None:
    if isinstance(model, models.WordPiece):
        model.max_input_chars_per_word = _LONGEST_WORD
        model.unk_token = unknown or model.unk_token
    elif isinstance(model, models.BPE):
        model.dropout = None


def _like_bert(read: Switch, _: Any) -> tuple[Any, Any]:
    normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(read("tokenize_chinese_chars", True)),
        strip_accents=read("strip_accents", None),
        lowercase=bool(read("do_lower_case", True)),
    )
    return normalizer, pre_tokenizers.BertPreTokenizer()


def _like_roberta(read: Switch, _: Any) -> tuple[Any, Any]:
    return None, pre_tokenizers.ByteLevel(add_prefix_space=bool(read("add_prefix_space", False)))


def _like_xlm_roberta(read: Switch, given: Any) -> tuple[Any, Any]:
    steps = [*given] if isinstance(given, normalizers.Sequence) else [given]
    kept = next((step for step in steps if isinstance(step, normalizers.Precompiled)), None)
    scheme = "always" if read("add_prefix_space", True) else "never"
    splitters = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme=scheme)]
    return kept, pre_tokenizers.Sequence(splitters)


def _like_deberta(read: Switch, _: Any) -> tuple[Any, Any]:
    steps: list[Any] = [normalizers.Lowercase()] if read("do_lower_case", False) else []
    steps += [
        normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
        normalizers.NFC(),
        normalizers.Strip(left=False, right=True),
    ]
    scheme = "always" if read("add_prefix_space", True) else "first"
    splitters: list[Any] = [pre_tokenizers.Metaspace(prepend_scheme=scheme)]
    if read("split_by_punct", False):
        splitters.insert(0, pre_tokenizers.Punctuation(behavior="isolated"))
    return normalizers.Sequence(steps), pre_tokenizers.Sequence(splitters)


_OF_BERT = Kind(models.WordPiece, _BERT, _CLS_SEP, _like_bert)
_OF_XLM_ROBERTA = Kind(models.Unigram, _ROBERTA, ("bos_token", "eos_token"), _like_xlm_roberta)

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"), _OF_BERT),
    "MPNetTokenizer": _OF_BERT._replace(tokens=_ROBERTA | {"unk_token": "[UNK]"}),
    "RobertaTokenizer": Kind(models.BPE, _ROBERTA, _CLS_SEP, _like_roberta),
    **dict.fromkeys(("XLMRobertaTokenizer", "CamembertTokenizer"), _OF_XLM_ROBERTA),
    "DebertaV2Tokenizer": Kind(models.Unigram, _BERT, _CLS_SEP, _like_deberta),
}
"""Classes by name; of any other ``tokenizer.json`` is taken as it is."""
