"""DeBERTa-v2 and v3 (He et al., 2021): model, config and the names of its weights."""

from bscl_jax.encoders._family import Family, Vocabulary
from bscl_jax.encoders.deberta._config import DebertaConfig, read_config
from bscl_jax.encoders.deberta._model import Deberta
from bscl_jax.encoders.deberta._names import IGNORED, tensor_table

__all__ = ["FAMILIES", "Deberta", "DebertaConfig"]

FAMILIES = (
    Family(
        model_type="deberta-v2",
        architecture="DebertaV2Model",
        read_config=read_config,
        make_module=Deberta,
        tensor_table=tensor_table,
        prefix="deberta.",
        ignored=IGNORED,
        vocabulary=Vocabulary("DebertaV2Tokenizer"),
    ),
)
