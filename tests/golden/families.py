"""Small random models of every family: their configs, weights and inputs, made of NumPy alone.

Shared by the script that writes the reference numbers and by the tests that compare with them. The
weights are no file: they are drawn from NumPy's frozen legacy generator, in the order of the
tensors' names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

NUM_TOKENS = 48
PADDED = 20  # tokens of the padded batch
LENGTHS = (3, 20, 9, 14)
SCALE = 0.4  # large enough that every nonlinearity matters

_SMALL = {
    "vocab_size": NUM_TOKENS,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 24,
}
_DISTILBERT = {
    "vocab_size": NUM_TOKENS,
    "dim": 16,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 24,
    "max_position_embeddings": 24,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **_SMALL, "hidden_act": "gelu_new", "type_vocab_size": 3},
    "bert_silu": {"model_type": "bert", **_SMALL, "hidden_act": "silu", "layer_norm_eps": 1e-2},
    "roberta": {
        "model_type": "roberta",
        **_SMALL,
        "layer_norm_eps": 1e-5,
        "type_vocab_size": 1,
        "pad_token_id": 1,
    },
    "xlm_roberta": {
        "model_type": "xlm-roberta",
        **_SMALL,
        "hidden_act": "relu",
        "layer_norm_eps": 3e-3,
        "type_vocab_size": 1,
        "pad_token_id": 1,
    },
    "camembert": {
        "model_type": "camembert",
        **_SMALL,
        "hidden_act": "gelu_new",
        "type_vocab_size": 2,
        "pad_token_id": 3,
    },
    "distilbert": {"model_type": "distilbert", **_DISTILBERT, "activation": "gelu"},
    "distilbert_relu": {
        "model_type": "distilbert",
        **_DISTILBERT,
        "activation": "relu",
        "sinusoidal_pos_embds": True,
    },
    "electra": {"model_type": "electra", **_SMALL, "embedding_size": 8, "layer_norm_eps": 1e-3},
    "electra_square": {
        "model_type": "electra",
        **_SMALL,
        "embedding_size": 16,
        "hidden_act": "silu",
        "type_vocab_size": 1,
    },
    "mpnet": {"model_type": "mpnet", **_SMALL, "layer_norm_eps": 1e-5, "pad_token_id": 1},
    "mpnet_relu": {
        "model_type": "mpnet",
        **_SMALL,
        "hidden_act": "relu",
        "relative_attention_num_buckets": 40,
        "pad_token_id": 1,
    },
    "modernbert": {
        "model_type": "modernbert",
        **_SMALL,
        "num_hidden_layers": 4,
        "local_attention": 7,
        "global_attn_every_n_layers": 3,
        "pad_token_id": 2,
    },
    "modernbert_bias": {
        "model_type": "modernbert",
        **_SMALL,
        "num_hidden_layers": 3,
        "hidden_activation": "silu",
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "norm_eps": 1e-3,
        "local_attention": 4,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
        },
        "pad_token_id": 2,
    },
    "deberta": {  # as v3
        "model_type": "deberta-v2",
        **_SMALL,
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
        "pad_token_id": 0,
    },
    "deberta_own": {
        "model_type": "deberta-v2",
        **_SMALL,
        "relative_attention": True,
        "max_relative_positions": 12,
        "pos_att_type": ["c2p"],
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-3,
        "hidden_act": "gelu_new",
    },
    "deberta_p2c": {
        "model_type": "deberta-v2",
        **_SMALL,
        "relative_attention": True,
        "position_buckets": 6,
        "max_relative_positions": 40,
        "pos_att_type": ["p2c"],
        "hidden_act": "relu",
    },
    "deberta_plain": {"model_type": "deberta-v2", **_SMALL},
}
"""Name to ``config.json``; together they have every option that changes a number."""


def make_inputs(pad_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask of a padded batch; the padding token stands in one of the texts too."""
    ids = np.random.RandomState(5).randint(4, NUM_TOKENS, (len(LENGTHS), PADDED))
    mask = np.arange(PADDED)[None] < np.array(LENGTHS)[:, None]
    ids[1, 4] = pad_id
    return np.where(mask, ids, pad_id).astype(np.int32), mask


def make_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights for tensors of these names and shapes."""
    stream = np.random.RandomState(11)
    drawn = {name: stream.standard_normal(shapes[name]) for name in sorted(shapes)}
    return {name: (SCALE * values).astype(np.float32) for name, values in drawn.items()}


def make_direction(shape: tuple[int, ...]) -> np.ndarray:
    """What hidden states are multiplied with to make the scalar that is differentiated."""
    return np.cos(np.arange(np.prod(shape))).reshape(shape).astype(np.float32)
