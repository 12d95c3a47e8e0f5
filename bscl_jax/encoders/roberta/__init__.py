"""RoBERTa (Liu et al., 2019), XLM-RoBERTa and CamemBERT: BERT with positions counted otherwise.

Positions begin behind the row ``pad_token_id``, so texts may be shorter than
``max_position_embeddings`` says: 512 tokens of 514 rows.
"""

from dataclasses import replace
from functools import partial

from bscl_jax.encoders._config import COUNT, SIZE, Fact, same_names
from bscl_jax.encoders._family import Family, Vocabulary
from bscl_jax.encoders.post_norm import FACTS, PostNorm, read_config, tensor_table

__all__ = ["FAMILIES"]

_FACTS = {
    **FACTS,
    **same_names(SIZE, type_vocab_size=2),
    "padding_id": Fact("pad_token_id", 1, COUNT),
}

_ROBERTA = Family(
    model_type="roberta",
    architecture="RobertaModel",
    read_config=partial(read_config, model="RoBERTa", table=_FACTS),
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
    replace(
        _ROBERTA,
        model_type="xlm-roberta",
        architecture="XLMRobertaModel",
        vocabulary=Vocabulary("XLMRobertaTokenizer"),
    ),
    replace(
        _ROBERTA,
        model_type="camembert",
        architecture="CamembertModel",
        vocabulary=Vocabulary("CamembertTokenizer"),
    ),
)
