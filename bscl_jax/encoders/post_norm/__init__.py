"""The BERT kind of model: one stack for BERT, RoBERTa, ELECTRA, DistilBERT and MPNet.

They differ in how tokens and positions are looked up, in a bias of attention, in defaults and in
the names of their weights, which is what their folders say. DeBERTa takes all but the attention.
"""

from bscl_jax.encoders.post_norm._config import FACTS, PostNormConfig, read_config
from bscl_jax.encoders.post_norm._distance import NUM_BUCKETS
from bscl_jax.encoders.post_norm._model import SITES_PER_LAYER, PostNorm, embed, finish_layer
from bscl_jax.encoders.post_norm._names import BERT_NAMES, Names, tensor_table

__all__ = [
    "BERT_NAMES",
    "FACTS",
    "NUM_BUCKETS",
    "SITES_PER_LAYER",
    "Names",
    "PostNorm",
    "PostNormConfig",
    "embed",
    "finish_layer",
    "read_config",
    "tensor_table",
]
