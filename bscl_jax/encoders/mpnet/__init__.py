"""MPNet (Song et al., 2020): BERT with a bias of attention by distance, shared by all layers.

The reference looks biases up in 32 buckets whatever the size of their table, and so does this.
"""

from functools import partial

from bscl_jax.encoders._config import Fact, Rule
from bscl_jax.encoders._family import Family, Vocabulary
from bscl_jax.encoders.post_norm import (
    FACTS,
    NUM_BUCKETS,
    Names,
    PostNorm,
    read_config,
    tensor_table,
)

__all__ = ["FAMILIES"]

_PADDING_ID = 1  # whatever the config says, as in the reference
_BUCKETS = Rule(
    f"a whole number from {NUM_BUCKETS}",
    lambda value: isinstance(value, int) and value >= NUM_BUCKETS,
)
_FACTS = {
    **FACTS,
    "vocab_size": FACTS["vocab_size"]._replace(default=30527),
    "num_relative_buckets": Fact("relative_attention_num_buckets", NUM_BUCKETS, _BUCKETS),
}
_NAMES = Names(
    layer="encoder.layer",
    dense={
        "attention.attn.q": "query",
        "attention.attn.k": "key",
        "attention.attn.v": "value",
        "attention.attn.o": "attention_output",
        "intermediate.dense": "intermediate",
        "output.dense": "output",
    },
    norms={"attention.LayerNorm": "attention_norm", "output.LayerNorm": "output_norm"},
)

FAMILIES = (
    Family(
        model_type="mpnet",
        architecture="MPNetModel",
        read_config=partial(read_config, model="MPNet", table=_FACTS, padding_id=_PADDING_ID),
        make_module=PostNorm,
        tensor_table=partial(tensor_table, names=_NAMES),
        prefix="mpnet.",
        ignored={
            "embeddings.position_ids": "a counter, not a weight",
            "pooler.": "pooler of the first token, not used by mean, cls or max pooling",
            "lm_head.": "head of the pre-training task",
        },
        carried=("pooler.",),
        pad_token="<pad>",
        vocabulary=Vocabulary("MPNetTokenizer", ("vocab.txt",)),
    ),
)
