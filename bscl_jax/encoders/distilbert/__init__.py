"""DistilBERT (Sanh et al., 2019): BERT without token types, under names of its own.

``sinusoidal_pos_embds`` is how the position table was begun, and changes nothing: the table is in
the weights either way.
"""

from functools import partial

from bscl_jax.encoders._config import ACTIVATION, POSITIVE, RATE, SIZE, Fact, same_names
from bscl_jax.encoders._family import Family
from bscl_jax.encoders.post_norm import Names, PostNorm, read_config, tensor_table

__all__ = ["FAMILIES"]

_EPSILON = 1e-12  # its config does not carry it
_FACTS = {
    **same_names(SIZE, vocab_size=30522, max_position_embeddings=512),
    "hidden_size": Fact("dim", 768, SIZE),
    "num_hidden_layers": Fact("n_layers", 6, SIZE),
    "num_attention_heads": Fact("n_heads", 12, SIZE),
    "intermediate_size": Fact("hidden_dim", 3072, SIZE),
    **same_names(POSITIVE, initializer_range=0.02),
    "hidden_dropout_prob": Fact("dropout", 0.1, RATE),
    "attention_probs_dropout_prob": Fact("attention_dropout", 0.1, RATE),
    "hidden_act": Fact("activation", "gelu", ACTIVATION),
}
_NAMES = Names(
    layer="transformer.layer",
    dense={
        "attention.q_lin": "query",
        "attention.k_lin": "key",
        "attention.v_lin": "value",
        "attention.out_lin": "attention_output",
        "ffn.lin1": "intermediate",
        "ffn.lin2": "output",
    },
    norms={"sa_layer_norm": "attention_norm", "output_layer_norm": "output_norm"},
)

FAMILIES = (
    Family(
        model_type="distilbert",
        architecture="DistilBertModel",
        read_config=partial(
            read_config,
            model="DistilBERT",
            table=_FACTS,
            required={},
            layer_norm_eps=_EPSILON,
            drops_attention_output=False,
        ),
        make_module=PostNorm,
        tensor_table=partial(tensor_table, names=_NAMES),
        prefix="distilbert.",
        ignored={
            "embeddings.position_ids": "a counter, not a weight",
            "vocab_transform.": "head of the pre-training task",
            "vocab_layer_norm.": "head of the pre-training task",
            "vocab_projector.": "head of the pre-training task",
        },
    ),
)
