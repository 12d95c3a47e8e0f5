"""ELECTRA (Clark et al., 2020): BERT without pooler, with tables of another width."""

from functools import partial

from bscl_jax.encoders._config import SIZE, same_names
from bscl_jax.encoders._family import Family
from bscl_jax.encoders.post_norm import FACTS, PostNorm, read_config, tensor_table

__all__ = ["FAMILIES"]

_SIZES = {
    "hidden_size": 256,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "type_vocab_size": 2,
    "embedding_size": 128,
}
_FACTS = {**FACTS, **same_names(SIZE, **_SIZES)}

FAMILIES = (
    Family(
        model_type="electra",
        architecture="ElectraModel",
        read_config=partial(read_config, model="ELECTRA", table=_FACTS),
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
