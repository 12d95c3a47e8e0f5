"""Which tensor of a BERT checkpoint is which parameter."""

from collections.abc import Iterator

from bscl_jax.encoders._family import Leaf
from bscl_jax.encoders.bert._config import BertConfig

_EMBEDDINGS = {
    "word_embeddings": "token",
    "position_embeddings": "position",
    "token_type_embeddings": "token_type",
}
_DENSE = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention_output",
    "intermediate.dense": "intermediate",
    "output.dense": "output",
}
_NORMS = {"attention.output.LayerNorm": "attention_norm", "output.LayerNorm": "output_norm"}
_IGNORED = {
    "embeddings.position_ids": "a counter, not a weight",
    "embeddings.token_type_ids": "zeros, not a weight",
    "pooler.": "next-sentence pooler, not used by mean, cls or max pooling",
    "cls.": "head of the pre-training tasks",
}


def tensor_table(config: BertConfig, *, scan_layers: bool = False) -> dict[str, Leaf]:
    """List every tensor of the checkpoint with the parameter that it becomes.

    Args:
        config: sizes of the model.
        scan_layers: whether the parameters of all layers are stacked into one array each.

    Returns:
        Tensor name to parameter. A dense weight is stored as (out, in) and used as (in, out).
    """
    table = dict(_embeddings(config))
    for number in range(config.num_hidden_layers):
        folder, layer = ("layers", number) if scan_layers else (f"layer_{number}", None)
        for name, leaf in _layer(config):
            path = (folder, *leaf.path)
            table[f"encoder.layer.{number}.{name}"] = leaf._replace(path=path, layer=layer)
    return table


def canonical_name(name: str) -> str:
    """Bring the spellings of older and larger checkpoints to the table's."""
    name = name.removeprefix("bert.")
    for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return name


def ignored_reason(name: str) -> str | None:
    """Why a tensor of this canonical name is left aside; None for one that may not be."""
    return next((why for start, why in _IGNORED.items() if name.startswith(start)), None)


def _embeddings(config: BertConfig) -> Iterator[tuple[str, Leaf]]:
    rows = (config.vocab_size, config.max_position_embeddings, config.type_vocab_size)
    for (theirs, ours), count in zip(_EMBEDDINGS.items(), rows, strict=True):
        leaf = Leaf(("embeddings", ours, "embedding"), (count, config.hidden_size))
        yield f"embeddings.{theirs}.weight", leaf
    for theirs, ours in (("weight", "scale"), ("bias", "bias")):
        leaf = Leaf(("embeddings", "norm", ours), (config.hidden_size,))
        yield f"embeddings.LayerNorm.{theirs}", leaf


def _layer(config: BertConfig) -> Iterator[tuple[str, Leaf]]:
    small, large = config.hidden_size, config.intermediate_size
    for theirs, ours in _DENSE.items():
        outputs = large if ours == "intermediate" else small
        inputs = large if ours == "output" else small
        yield f"{theirs}.weight", Leaf((ours, "kernel"), (outputs, inputs), transpose=True)
        yield f"{theirs}.bias", Leaf((ours, "bias"), (outputs,))
    for theirs, ours in _NORMS.items():
        yield f"{theirs}.weight", Leaf((ours, "scale"), (small,))
        yield f"{theirs}.bias", Leaf((ours, "bias"), (small,))
