"""BERT (Devlin et al., 2019): config and the names of its weights."""

from functools import partial

from bscl_jax.encoders._config import SIZE, same_names
from bscl_jax.encoders._family import Family
from bscl_jax.encoders.post_norm import FACTS, PostNorm, read_config, tensor_table

__all__ = ["FAMILIES", "FAMILY"]

_FACTS = {**FACTS, **same_names(SIZE, type_vocab_size=2)}

FAMILY = Family(
    model_type="bert",
    architecture="BertModel",
    read_config=partial(read_config, model="BERT", table=_FACTS),
    make_module=PostNorm,
    tensor_table=tensor_table,
    prefix="bert.",
    ignored={
        "embeddings.position_ids": "a counter, not a weight",
        "embeddings.token_type_ids": "zeros, not a weight",
        "pooler.": "next-sentence pooler, not used by mean, cls or max pooling",
        "cls.": "head of the pre-training tasks",
    },
    carried=("pooler.",),
)

FAMILIES = (FAMILY,)
