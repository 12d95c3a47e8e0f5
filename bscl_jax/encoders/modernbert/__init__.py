"""ModernBERT (Warner et al., 2024): model, config and the names of its weights."""

from bscl_jax.encoders._family import Family
from bscl_jax.encoders.modernbert._config import ModernBertConfig, read_config
from bscl_jax.encoders.modernbert._model import ModernBert
from bscl_jax.encoders.modernbert._names import IGNORED, tensor_table

__all__ = ["FAMILIES", "ModernBert", "ModernBertConfig"]

FAMILIES = (
    Family(
        model_type="modernbert",
        architecture="ModernBertModel",
        read_config=read_config,
        make_module=ModernBert,
        tensor_table=tensor_table,
        prefix="model.",
        ignored=IGNORED,
        vocabulary=None,
    ),
)
