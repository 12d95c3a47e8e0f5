"""From the facts of a ``config.json`` to the checked fields of a family's config."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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


class Rule(NamedTuple):
    """What a fact has to be.

    Attributes:
        wanted: the rule in words.
        holds: whether a value follows it.
    """

    wanted: str
    holds: Callable[[Any], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SIZE = Rule("a whole number from 1", lambda value: _is_whole(value) and value >= 1)
COUNT = Rule("a whole number from 0", lambda value: _is_whole(value) and value >= 0)
POSITIVE = Rule("> 0", lambda value: _is_number(value) and value > 0)
RATE = Rule("in [0, 1)", lambda value: _is_number(value) and 0 <= value < 1)
FLAG = Rule("true or false", lambda value: isinstance(value, bool))
ACTIVATION = Rule(f"one of {sorted(ACTIVATIONS)}", lambda value: value in ACTIVATIONS)


class Fact(NamedTuple):
    """An entry of a config file.

    Attributes:
        name: its key in the file.
        default: its value where the file does not say.
        rule: what it has to be.
    """

    name: str
    default: Any
    rule: Rule


def same_names(rule: Rule, **defaults: Any) -> dict[str, Fact]:
    """Facts that are called alike in the file and in our config, all under one rule."""
    return {name: Fact(name, default, rule) for name, default in defaults.items()}


def read_facts(
    facts: Mapping[str, Any],
    table: Mapping[str, Fact],
    *,
    model: str,
    dropout: float | None,
    required: Mapping[str, Any],
) -> dict[str, Any]:
    """Check the facts of a ``config.json``.

    Args:
        facts: the parsed file.
        table: field of our config to the fact that it comes from; ``hidden_size`` and
            ``num_attention_heads`` are among them.
        model: what the model is called in an error message.
        dropout: replaces every rate, in [0, 1); None keeps the file's.
        required: entries of the file that have one supported value; an absent one has it.

    Returns:
        The fields, with our names for activations.

    Raises:
        ValueError: naming every entry that is wrong or that the model cannot follow.
    """
    values = {field: facts.get(fact.name, fact.default) for field, fact in table.items()}
    rates = [field for field, fact in table.items() if fact.rule is RATE]
    if dropout is not None:
        values |= dict.fromkeys(rates, dropout)
    mistakes = [
        f"{fact.name} must be {fact.rule.wanted}, was {values[field]!r}"
        for field, fact in table.items()
        if not fact.rule.holds(values[field])
    ]
    mistakes += [
        f"{name} must be {wanted!r} (the only kind supported), was {facts[name]!r}"
        for name, wanted in required.items()
        if facts.get(name, wanted) != wanted
    ]
    if not mistakes and values["hidden_size"] % values["num_attention_heads"]:
        mistakes.append(
            f"{table['num_attention_heads'].name} must divide {table['hidden_size'].name}, was "
            f"{values['num_attention_heads']} for {values['hidden_size']}"
        )
    if mistakes:
        raise ValueError(f"this {model} config cannot be used: " + "; ".join(mistakes))
    for field, fact in table.items():
        if fact.rule is ACTIVATION:
            values[field] = ACTIVATIONS[values[field]]
        elif fact.rule in (RATE, POSITIVE):
            values[field] = float(values[field])
    return values
