"""The numbers that fix a model of the BERT kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bscl_jax.encoders._config import (
    ACTIVATION,
    POSITIVE,
    RATE,
    SIZE,
    Fact,
    read_facts,
    same_names,
)

FACTS: dict[str, Fact] = {
    **same_names(
        SIZE,
        vocab_size=30522,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=512,
    ),
    **same_names(POSITIVE, layer_norm_eps=1e-12, initializer_range=0.02),
    **same_names(RATE, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1),
    **same_names(ACTIVATION, hidden_act="gelu"),
}
"""What the config files of these families have in common, with BERT's defaults."""

REQUIRED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
"""What their config files may say about kinds that are not supported."""


@dataclass(frozen=True)
class PostNormConfig:
    """Sizes and rates of a model of the BERT kind.

    Attributes:
        vocab_size: rows of the token table.
        hidden_size: features of a token, and of the pooled embedding.
        num_hidden_layers: transformer layers.
        num_attention_heads: heads of each layer; divides ``hidden_size``.
        intermediate_size: features inside the feed-forward block.
        max_position_embeddings: rows of the position table.
        hidden_act: ``gelu`` (exact), ``gelu_tanh``, ``relu`` or ``silu``.
        layer_norm_eps: added to the variance in layer normalization.
        initializer_range: standard deviation of fresh weights.
        hidden_dropout_prob: dropout rate of embeddings and block outputs, in [0, 1).
        attention_probs_dropout_prob: dropout rate of attention probabilities, in [0, 1).
        type_vocab_size: rows of the token-type table (only row 0 is used); 0 for no table.
        embedding_size: features of the tables, brought to ``hidden_size`` by a linear map where
            they differ; None for ``hidden_size``.
        padding_id: id of the padding token, behind which positions are counted; None for
            positions that are counted from 0.
        num_relative_buckets: rows of a table of attention biases by distance; 0 for none.
        drops_attention_output: whether ``hidden_dropout_prob`` holds for the output of attention.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    hidden_act: str
    layer_norm_eps: float
    initializer_range: float
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float
    type_vocab_size: int = 0
    embedding_size: int | None = None
    padding_id: int | None = None
    num_relative_buckets: int = 0
    drops_attention_output: bool = True

    @property
    def table_size(self) -> int:
        """Features of the tables of tokens, positions and token types."""
        return self.hidden_size if self.embedding_size is None else self.embedding_size

    @property
    def position_rows(self) -> int:
        """Rows of the position table; 0 for no table."""
        return self.max_position_embeddings

    @property
    def max_tokens(self) -> int:
        """Longest text, in tokens."""
        skipped = 0 if self.padding_id is None else self.padding_id + 1
        return self.max_position_embeddings - skipped


def read_config(
    facts: Mapping[str, Any],
    dropout: float | None = None,
    *,
    model: str,
    table: Mapping[str, Fact] = FACTS,
    required: Mapping[str, Any] = REQUIRED,
    **fixed: Any,
) -> PostNormConfig:
    """Check the facts of a ``config.json``; what is absent has the value that the family gives it.

    Args:
        facts: the parsed file.
        dropout: replaces both dropout rates, in [0, 1); None keeps the file's.
        model: what the family is called in an error message.
        table: field of the config to the fact that it comes from.
        required: entries of the file that have one supported value.
        fixed: fields that do not depend on the file.

    Returns:
        The checked config.

    Raises:
        ValueError: naming every field that is wrong or that the family cannot follow.
    """
    values = read_facts(facts, table, model=model, dropout=dropout, required=required)
    return PostNormConfig(**values, **fixed)
