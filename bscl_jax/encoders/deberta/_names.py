"""Which tensor of a DeBERTa-v2 or v3 checkpoint is which parameter."""

from bscl_jax.encoders._family import Leaf
from bscl_jax.encoders._table import dense, embedding, layer_norm, spread_layers
from bscl_jax.encoders.deberta._config import DebertaConfig
from bscl_jax.encoders.post_norm import BERT_NAMES
from bscl_jax.encoders.post_norm import tensor_table as post_norm_table

IGNORED = {
    "embeddings.position_ids": "a counter, not a weight",
    "embeddings.position_embeddings.": "not used without position_biased_input",
    "cls.": "head of the pre-training task",
    "lm_predictions.": "head of the pre-training task",
    "mask_predictions.": "head of the pre-training task",
    "pooler.": "pooler of the first token, not used by mean, cls or max pooling",
}
_PROJECTIONS = {"query": "query_proj", "key": "key_proj", "value": "value_proj"}
_NAMES = BERT_NAMES._replace(
    dense={
        theirs.replace(f"self.{ours}", f"self.{_PROJECTIONS.get(ours, '')}"): ours
        for theirs, ours in BERT_NAMES.dense.items()
    }
)
_POSITIONS = {"c2p": ("pos_key_proj", "distance_key"), "p2c": ("pos_query_proj", "distance_query")}


def tensor_table(config: DebertaConfig, *, scan_layers: bool = False) -> dict[str, Leaf]:
    """List every tensor of the checkpoint with the parameter that it becomes.

    Args:
        config: sizes of the model.
        scan_layers: whether the parameters of all layers are stacked into one array each.

    Returns:
        Tensor name to parameter.
    """
    table = post_norm_table(config, scan_layers=scan_layers, names=_NAMES)
    if not config.relative_attention:
        return table
    size, place = config.hidden_size, ("distances",)
    shape = (2 * config.span, size)
    table |= dict(embedding("encoder.rel_embeddings", (*place, "table"), shape))
    if config.norm_rel_ebd == "layer_norm":
        table |= dict(layer_norm("encoder.LayerNorm", (*place, "norm"), size))
    if config.share_att_key:
        return table
    layer = {}
    for term in config.terms:
        theirs, ours = _POSITIONS[term]
        layer |= dict(dense(f"attention.self.{theirs}", (ours,), (size, size)))
    numbers = range(config.num_hidden_layers)
    return table | spread_layers(layer, _NAMES.layer, numbers, scan_layers=scan_layers)
