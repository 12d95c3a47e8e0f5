"""The numbers that fix a DeBERTa-v2 or v3 model, read from a ``config.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bscl_jax.encoders._config import COUNT, FLAG, POSITIVE, Fact, Rule, read_facts, same_names
from bscl_jax.encoders.post_norm import FACTS, PostNormConfig

_TERMS = ("c2p", "p2c")
_WHOLE = Rule("a whole number", lambda value: isinstance(value, int))
_FACTS = {
    **FACTS,
    **same_names(POSITIVE, layer_norm_eps=1e-7, initializer_range=0.02),
    **same_names(COUNT, type_vocab_size=0),
    **same_names(FLAG, relative_attention=False, position_biased_input=True, share_att_key=False),
    **same_names(_WHOLE, position_buckets=-1),
    "max_distance": Fact("max_relative_positions", -1, _WHOLE),
    "terms": Fact(
        "pos_att_type", (), Rule("of c2p and p2c", lambda value: set(value) <= set(_TERMS))
    ),
    "norm_rel_ebd": Fact(
        "norm_rel_ebd", "none", Rule("none or layer_norm", lambda v: v in ("none", "layer_norm"))
    ),
}
_SIZES = {
    "vocab_size": 128100,
    "hidden_size": 1536,
    "num_hidden_layers": 24,
    "num_attention_heads": 24,
    "intermediate_size": 6144,
}
_REQUIRED = {"conv_kernel_size": 0}


@dataclass(frozen=True)
class DebertaConfig(PostNormConfig):
    """Sizes and rates of a DeBERTa-v2 or v3 model; those of ``PostNormConfig``, and its own.

    Attributes:
        relative_attention: whether attention has terms of the distance.
        position_biased_input: whether there is a position table.
        share_att_key: whether distances pass through the linear maps of queries and keys.
        position_buckets: buckets of distances either way; below 1 for every distance on its own.
        max_distance: farthest distance, in tokens.
        terms: terms of attention: ``c2p`` (a token and a distance), ``p2c`` (the other way round).
        norm_rel_ebd: ``layer_norm`` where the vectors of distances are normalized, or ``none``.
    """

    relative_attention: bool = False
    position_biased_input: bool = True
    share_att_key: bool = False
    position_buckets: int = -1
    max_distance: int = 512
    terms: tuple[str, ...] = ()
    norm_rel_ebd: str = "none"

    @property
    def position_rows(self) -> int:
        """Rows of the position table; 0 for no table."""
        return self.max_position_embeddings if self.position_biased_input else 0

    @property
    def span(self) -> int:
        """Vectors of distances either way."""
        return self.position_buckets if self.position_buckets > 0 else self.max_distance


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> DebertaConfig:
    """Check the facts of a ``config.json``.

    Args:
        facts: the parsed file; what is absent has the value that DeBERTa-v2 gives it.
        dropout: replaces both dropout rates, in [0, 1); None keeps the file's.

    Returns:
        The checked config.

    Raises:
        ValueError: naming every field that is wrong or that this model cannot follow, which the
            convolution of the largest v2 models is.
    """
    terms = facts.get("pos_att_type") or ()
    if isinstance(terms, str):
        terms = [term.strip() for term in terms.lower().split("|")]
    facts = {**_SIZES, **facts, "pos_att_type": terms}
    values = read_facts(facts, _FACTS, model="DeBERTa", dropout=dropout, required=_REQUIRED)
    if values["max_distance"] < 1:
        values["max_distance"] = values["max_position_embeddings"]
    return DebertaConfig(**{**values, "terms": tuple(values["terms"])})
