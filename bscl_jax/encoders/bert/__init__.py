"""BERT (Devlin et al., 2019): config and the names of its weights."""

from collections.abc import Mapping
from typing import Any

from bscl_jax.encoders._config import SIZE, read_facts, same_names
from bscl_jax.encoders._family import Family
from bscl_jax.encoders.post_norm import FACTS, REQUIRED, PostNorm, PostNormConfig, tensor_table

__all__ = ["FAMILIES", "FAMILY", "IGNORED"]

IGNORED = {
    "embeddings.position_ids": "a counter, not a weight",
    "embeddings.token_type_ids": "zeros, not a weight",
    "pooler.": "next-sentence pooler, not used by mean, cls or max pooling",
    "cls.": "head of the pre-training tasks",
}
_FACTS = {**FACTS, **same_names(SIZE, type_vocab_size=2)}


def read_config(facts: Mapping[str, Any], dropout: float | None = None) -> PostNormConfig:
    """Check the facts of a ``config.json``; what is absent has the value that BERT gives it.

    Args:
        facts: the parsed file.
        dropout: replaces both dropout rates, in [0, 1); None keeps the file's.

    Returns:
        The checked config.

    Raises:
        ValueError: naming every field that is wrong or that this model cannot follow.
    """
    values = read_facts(facts, _FACTS, model="BERT", dropout=dropout, required=REQUIRED)
    return PostNormConfig(**values)


FAMILY = Family(
    model_type="bert",
    architecture="BertModel",
    read_config=read_config,
    make_module=PostNorm,
    tensor_table=tensor_table,
    prefix="bert.",
    ignored=IGNORED,
    carried=("pooler.",),
)

FAMILIES = (FAMILY,)
