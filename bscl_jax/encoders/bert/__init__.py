"""BERT: model, config and the names of its weights."""

from bscl_jax.encoders._family import Family
from bscl_jax.encoders.bert._config import BertConfig, read_config
from bscl_jax.encoders.bert._model import Bert
from bscl_jax.encoders.bert._names import canonical_name, ignored_reason, tensor_table

__all__ = ["FAMILY", "Bert", "BertConfig"]

FAMILY = Family(
    model_type="bert",
    architecture="BertModel",
    read_config=read_config,
    make_module=Bert,
    tensor_table=tensor_table,
    canonical_name=canonical_name,
    ignored_reason=ignored_reason,
    carried=("pooler.",),
)
