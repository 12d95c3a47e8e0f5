"""Which tensor of a checkpoint of the BERT kind is which parameter."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bscl_jax.encoders._family import Leaf
from bscl_jax.encoders._table import dense, embedding, layer_norm, spread_layers
from bscl_jax.encoders.post_norm._config import PostNormConfig


class Names(NamedTuple):
    """How a family calls the tensors of its layers.

    Attributes:
        layer: start of the names of layer N, which follows it.
        dense: name within the layer to our name of each linear map.
        norms: the same for layer normalizations.
    """

    layer: str
    dense: Mapping[str, str]
    norms: Mapping[str, str]


BERT_NAMES = Names(
    layer="encoder.layer",
    dense={
        "attention.self.query": "query",
        "attention.self.key": "key",
        "attention.self.value": "value",
        "attention.output.dense": "attention_output",
        "intermediate.dense": "intermediate",
        "output.dense": "output",
    },
    norms={"attention.output.LayerNorm": "attention_norm", "output.LayerNorm": "output_norm"},
)
"""Of BERT, and of the families that took them over."""


def tensor_table(
    config: PostNormConfig, *, scan_layers: bool = False, names: Names = BERT_NAMES
) -> dict[str, Leaf]:
    """List every tensor of the checkpoint with the parameter that it becomes.

    Args:
        config: sizes of the model.
        scan_layers: whether the parameters of all layers are stacked into one array each.
        names: how the family calls the tensors of its layers.

    Returns:
        Tensor name to parameter.
    """
    layer = dict(_layer(config, names))
    numbers = range(config.num_hidden_layers)
    return {
        **dict(_embeddings(config)),
        **spread_layers(layer, names.layer, numbers, scan_layers=scan_layers),
    }


def _embeddings(config: PostNormConfig) -> Iterator[tuple[str, Leaf]]:
    size, place = config.table_size, ("embeddings",)
    tables = {
        "word_embeddings": ("token", config.vocab_size),
        "position_embeddings": ("position", config.position_rows),
        "token_type_embeddings": ("token_type", config.type_vocab_size),
    }
    for theirs, (ours, rows) in tables.items():
        if rows:
            yield from embedding(f"embeddings.{theirs}", (*place, ours), (rows, size))
    yield from layer_norm("embeddings.LayerNorm", (*place, "norm"), size)
    if size != config.hidden_size:
        yield from dense("embeddings_project", ("projection",), (size, config.hidden_size))
    if config.num_relative_buckets:
        shape = (config.num_relative_buckets, config.num_attention_heads)
        yield from embedding("encoder.relative_attention_bias", ("distance_bias", "table"), shape)


def _layer(config: PostNormConfig, names: Names) -> Iterator[tuple[str, Leaf]]:
    small, large = config.hidden_size, config.intermediate_size
    for theirs, ours in names.dense.items():
        outputs = large if ours == "intermediate" else small
        inputs = large if ours == "output" else small
        yield from dense(theirs, (ours,), (inputs, outputs))
    for theirs, ours in names.norms.items():
        yield from layer_norm(theirs, (ours,), small)
