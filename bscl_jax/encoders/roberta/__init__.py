"""RoBERTa (Liu et al., 2019), XLM-RoBERTa and CamemBERT: BERT with positions counted otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bscl_jax.encoders._config import COUNT, SIZE, Fact, read_facts, same_names
from bscl_jax.encoders._family import Family, Vocabulary
from bscl_jax.encoders.post_norm import FACTS, REQUIRED, PostNorm, PostNormConfig, tensor_table

__all__ = ["FAMILIES"]

_FACTS = {
    **FACTS,
    **same_names(SIZE, type_vocab_size=2),
    "padding_id": Fact("pad_token_id", 1, COUNT),
}


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> PostNormConfig:
    """Check the facts of a ``config.json``; arguments, result and errors as BERT's.

    Positions begin behind the row ``pad_token_id``, so texts may be shorter than
    ``max_position_embeddings`` says: 512 tokens of 514 rows.
    """
    values = read_facts(facts, _FACTS, model="RoBERTa", dropout=dropout, required=REQUIRED)
    return PostNormConfig(**values)


_ROBERTA = Family(
    model_type="roberta",
    architecture="RobertaModel",
    read_config=read_config,
    make_module=PostNorm,
    tensor_table=tensor_table,
    prefix="roberta.",
    ignored={
        "embeddings.position_ids": "a counter, not a weight",
        "embeddings.token_type_ids": "zeros, not a weight",
        "pooler.": "pooler of the first token, not used by mean, cls or max pooling",
        "lm_head.": "head of the pre-training task",
    },
    carried=("pooler.",),
    pad_token="<pad>",
    vocabulary=Vocabulary("RobertaTokenizer", ("vocab.json", "merges.txt")),
)

FAMILIES = (
    _ROBERTA,
    replace(_ROBERTA, model_type="xlm-roberta", architecture="XLMRobertaModel", vocabulary=None),
    replace(_ROBERTA, model_type="camembert", architecture="CamembertModel", vocabulary=None),
)
