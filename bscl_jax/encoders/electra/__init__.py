"""ELECTRA (Clark et al., 2020): BERT without pooler, with tables of another width."""

from collections.abc import Mapping
from typing import Any

from bscl_jax.encoders._config import SIZE, read_facts, same_names
from bscl_jax.encoders._family import Family
from bscl_jax.encoders.post_norm import FACTS, REQUIRED, PostNorm, PostNormConfig, tensor_table

__all__ = ["FAMILIES"]

_SIZES = {
    "hidden_size": 256,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "type_vocab_size": 2,
    "embedding_size": 128,
}
_FACTS = {**FACTS, **same_names(SIZE, **_SIZES)}


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> PostNormConfig:
    """Check the facts of a ``config.json``; arguments, result and errors as BERT's."""
    values = read_facts(facts, _FACTS, model="ELECTRA", dropout=dropout, required=REQUIRED)
    return PostNormConfig(**values)


FAMILIES = (
    Family(
        model_type="electra",
        architecture="ElectraModel",
        read_config=read_config,
        make_module=PostNorm,
        tensor_table=tensor_table,
        prefix="electra.",
        ignored={
            "embeddings.position_ids": "a counter, not a weight",
            "discriminator_predictions.": "head of the pre-training task",
            "generator_predictions.": "head of the pre-training task",
            "generator_lm_head.": "head of the pre-training task",
        },
    ),
)
