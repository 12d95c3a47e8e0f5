"""The numbers that fix a ModernBERT model, read from a ``config.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bscl_jax.encoders._config import (
    ACTIVATION,
    FLAG,
    POSITIVE,
    RATE,
    SIZE,
    Fact,
    Rule,
    read_facts,
    same_names,
)

_GLOBAL, _LOCAL = "full_attention", "sliding_attention"
_LAYER_TYPES = Rule(
    f"a list of {_GLOBAL} and {_LOCAL}",
    lambda value: isinstance(value, list) and set(value) <= {_GLOBAL, _LOCAL},
)
_FACTS = {
    **same_names(
        SIZE,
        vocab_size=50368,
        hidden_size=768,
        num_hidden_layers=22,
        num_attention_heads=12,
        intermediate_size=1152,
        local_attention=128,
    ),
    "max_tokens": Fact("max_position_embeddings", 8192, SIZE),
    "layer_norm_eps": Fact("norm_eps", 1e-5, POSITIVE),
    **same_names(POSITIVE, initializer_range=0.02),
    "global_theta": Fact("global_rope_theta", 160_000.0, POSITIVE),
    "local_theta": Fact("local_rope_theta", 10_000.0, POSITIVE),
    **same_names(RATE, embedding_dropout=0.0, attention_dropout=0.0, mlp_dropout=0.0),
    **same_names(FLAG, norm_bias=False, attention_bias=False, mlp_bias=False),
    "hidden_act": Fact("hidden_activation", "gelu", ACTIVATION),
    "local_layers": Fact("layer_types", None, _LAYER_TYPES),
}
_REQUIRED = {"rope_scaling": None, "rope_type": "default"}


@dataclass(frozen=True)
class ModernBertConfig:
    """Sizes and rates of a ModernBERT model.

    Attributes:
        vocab_size: rows of the token table.
        hidden_size: features of a token, and of the pooled embedding.
        num_hidden_layers: transformer layers.
        num_attention_heads: heads of each layer; ``hidden_size`` is an even multiple of it.
        intermediate_size: features inside the feed-forward block, after its gate.
        local_attention: width of the window of local layers: a token sees half of it either way.
        max_tokens: longest text, in tokens.
        layer_norm_eps: added to the variance in layer normalization.
        initializer_range: standard deviation of fresh weights.
        global_theta: base of the rotation frequencies of global layers.
        local_theta: the same of local layers.
        embedding_dropout: dropout rate of embeddings, in [0, 1).
        attention_dropout: dropout rate of attention probabilities and outputs, in [0, 1).
        mlp_dropout: dropout rate inside the feed-forward block, in [0, 1).
        norm_bias: whether layer normalizations have a bias.
        attention_bias: whether the linear maps of attention have one.
        mlp_bias: whether those of the feed-forward block have one.
        hidden_act: ``gelu`` (exact), ``gelu_tanh``, ``relu`` or ``silu``.
        local_layers: for each layer, whether its attention is local.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    local_attention: int
    max_tokens: int
    layer_norm_eps: float
    initializer_range: float
    global_theta: float
    local_theta: float
    embedding_dropout: float
    attention_dropout: float
    mlp_dropout: float
    norm_bias: bool
    attention_bias: bool
    mlp_bias: bool
    hidden_act: str
    local_layers: tuple[bool, ...]


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> ModernBertConfig:
    """Check the facts of a ``config.json``, of transformers 4 or 5.

    Args:
        facts: the parsed file; what is absent has the value that ModernBERT gives it.
        dropout: replaces the three dropout rates, in [0, 1); None keeps the file's.

    Returns:
        The checked config.

    Raises:
        ValueError: naming every field that is wrong or that this model cannot follow.
    """
    facts = _in_old_words(facts)
    values = read_facts(facts, _FACTS, model="ModernBERT", dropout=dropout, required=_REQUIRED)
    layers, given = values["num_hidden_layers"], len(values["local_layers"])
    if given != layers:
        raise ValueError(
            "this ModernBERT config cannot be used: layer_types must have one entry a layer, has "
            f"{given} for {layers}"
        )
    if values["hidden_size"] // values["num_attention_heads"] % 2:
        raise ValueError(
            "this ModernBERT config cannot be used: hidden_size / num_attention_heads must be "
            f"even, to be rotated in pairs, was {values['hidden_size']} / "
            f"{values['num_attention_heads']}"
        )
    values["local_layers"] = tuple(kind == _LOCAL for kind in values["local_layers"])
    return ModernBertConfig(**values)


def _in_old_words(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say what transformers 5 writes nested, or leaves out, as transformers 4 did."""
    facts = dict(facts)
    nested = facts.get("rope_parameters") or {}
    for kind, old in ((_GLOBAL, "global_rope_theta"), (_LOCAL, "local_rope_theta")):
        entry = nested.get(kind) or {}
        if "rope_theta" in entry:
            facts[old] = entry["rope_theta"]
        if entry.get("rope_type", "default") != "default":
            facts["rope_type"] = entry["rope_type"]
    if facts.get("layer_types") is None:
        every = facts.get("global_attn_every_n_layers", 3)
        layers = facts.get("num_hidden_layers", _FACTS["num_hidden_layers"].default)
        facts["layer_types"] = [_LOCAL if number % every else _GLOBAL for number in range(layers)]
    return facts
