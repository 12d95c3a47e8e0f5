"""Which tensor of a ModernBERT checkpoint is which parameter."""

from collections.abc import Iterator

from bscl_jax.encoders._family import Leaf
from bscl_jax.encoders._table import dense, embedding, layer_norm, spread_layers
from bscl_jax.encoders.modernbert._config import ModernBertConfig

IGNORED = {
    "head.": "head of the pre-training task",
    "decoder.": "head of the pre-training task",
}


def tensor_table(config: ModernBertConfig, *, scan_layers: bool = False) -> dict[str, Leaf]:
    """List every tensor of the checkpoint with the parameter that it becomes.

    Args:
        config: sizes of the model.
        scan_layers: whether the parameters of all layers but the first, which lacks a
            normalization, are stacked into one array each.

    Returns:
        Tensor name to parameter.
    """
    size, biased = config.hidden_size, config.norm_bias
    layer = dict(_layer(config))
    opening = {name: leaf for name, leaf in layer.items() if not name.startswith("attn_norm.")}
    numbers = range(1, config.num_hidden_layers)
    tokens = (config.vocab_size, size)
    return {
        **dict(embedding("embeddings.tok_embeddings", ("token",), tokens)),
        **dict(layer_norm("embeddings.norm", ("embedding_norm",), size, bias=biased)),
        **spread_layers(opening, "layers", [0], scan_layers=False),
        **spread_layers(layer, "layers", numbers, scan_layers=scan_layers),
        **dict(layer_norm("final_norm", ("final_norm",), size, bias=biased)),
    }


def _layer(config: ModernBertConfig) -> Iterator[tuple[str, Leaf]]:
    small, large = config.hidden_size, config.intermediate_size
    for theirs, ours in (("attn_norm", "attention_norm"), ("mlp_norm", "mlp_norm")):
        yield from layer_norm(theirs, (ours,), small, bias=config.norm_bias)
    biased = config.attention_bias
    yield from dense("attn.Wqkv", ("query_key_value",), (small, 3 * small), bias=biased)
    yield from dense("attn.Wo", ("attention_output",), (small, small), bias=biased)
    yield from dense("mlp.Wi", ("intermediate",), (small, 2 * large), bias=config.mlp_bias)
    yield from dense("mlp.Wo", ("output",), (large, small), bias=config.mlp_bias)
