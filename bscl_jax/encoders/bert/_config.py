"""The numbers that fix a BERT model, read from a ``config.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Names that a config file may use, and the activation that they mean."""

_SIZES = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
_NUMBERS = {"layer_norm_eps": 1e-12, "initializer_range": 0.02}
_RATES = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
_REQUIRED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}


@dataclass(frozen=True)
class BertConfig:
    """Sizes and rates of a BERT model.

    Attributes:
        vocab_size: rows of the token table.
        hidden_size: features of a token, and of the pooled embedding.
        num_hidden_layers: transformer layers.
        num_attention_heads: heads of each layer; divides ``hidden_size``.
        intermediate_size: features inside the feed-forward block.
        max_position_embeddings: longest text, in tokens.
        type_vocab_size: rows of the token-type table (only row 0 is used).
        hidden_act: ``gelu`` (exact), ``gelu_tanh``, ``relu`` or ``silu``.
        layer_norm_eps: added to the variance in layer normalization.
        initializer_range: standard deviation of fresh weights.
        hidden_dropout_prob: dropout rate of embeddings and block outputs, in [0, 1).
        attention_probs_dropout_prob: dropout rate of attention probabilities, in [0, 1).
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    hidden_act: str
    layer_norm_eps: float
    initializer_range: float
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> BertConfig:
    """Check the facts of a ``config.json``; what is absent has the value that BERT gives it.

    Args:
        facts: the parsed file.
        dropout: replaces both dropout rates, in [0, 1); None keeps the file's.

    Returns:
        The checked config.

    Raises:
        ValueError: naming every field that is wrong or that this model cannot follow.
    """
    values: dict[str, Any] = {**_SIZES, **_NUMBERS, **_RATES, "hidden_act": "gelu"}
    values |= {name: facts[name] for name in values if name in facts}
    if dropout is not None:
        values |= dict.fromkeys(_RATES, dropout)
    mistakes = [*_mistakes_in_numbers(values), *_unsupported(facts)]
    if values["hidden_act"] not in ACTIVATIONS:
        mistakes.append(
            f"hidden_act must be one of {sorted(ACTIVATIONS)}, was {values['hidden_act']!r}"
        )
    elif not mistakes and values["hidden_size"] % values["num_attention_heads"]:
        mistakes.append(
            f"num_attention_heads must divide hidden_size, was {values['num_attention_heads']} "
            f"for {values['hidden_size']}"
        )
    if mistakes:
        raise ValueError("this BERT config cannot be used: " + "; ".join(mistakes))
    values["hidden_act"] = ACTIVATIONS[values["hidden_act"]]
    return BertConfig(**values)


def _mistakes_in_numbers(values: Mapping[str, Any]) -> list[str]:
    rules = [
        *((name, "a whole number from 1", _is_size) for name in _SIZES),
        *((name, "> 0", lambda value: _is_number(value) and value > 0) for name in _NUMBERS),
        *(
            (name, "in [0, 1)", lambda value: _is_number(value) and 0 <= value < 1)
            for name in _RATES
        ),
    ]
    return [
        f"{name} must be {rule}, was {values[name]!r}"
        for name, rule, holds in rules
        if not holds(values[name])
    ]


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unsupported(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} must be {wanted!r} (the only kind supported), was {facts[name]!r}"
        for name, wanted in _REQUIRED.items()
        if facts.get(name, wanted) != wanted
    ]
